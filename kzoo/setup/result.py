"""The conclusion: from what was trained to the record that a user gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from kzoo.data.examples import WARNING
from kzoo.results.adapted import Adapted
from kzoo.results.record import describe_task
from kzoo.setup.prepare import Prepared
from kzoo.training.loop import PhaseResult
from kzoo.training.selection import phase_to_keep


def conclude(prepared: Prepared, results: Sequence[PhaseResult], *, scale: Any, seed: int, **more: Any) -> Adapted:
    """The model with the weights of its best phase on validation, measured once on the test split, if there is one.

    Which phase is best: see `kzoo.training.selection`.

    Args:
        prepared: what was trained.
        results: of each phase.
        scale: mean and deviation of a regression's targets, or None.
        seed: of the run.
        **more: what else the record says.
    """
    kept = phase_to_keep([result.state for result in results])
    prepared.assembled.model.set_weights(results[kept].weights)
    splits, task = prepared.splits, prepared.task
    phases = [
        {
            "phase": dataclasses.asdict(result.phase),
            "groups": list(result.groups),
            "scores": dict(result.scores),
            "diverged": bool(result.diverged),
            "stopped": bool(result.stopped),
            "views": result.views,
            "activations": result.place,
            "runtimes": list(result.runtimes),
            "seconds": result.seconds,
            "trunk_seconds": result.trunk_seconds,
            "history": result.history,
        }
        for result in results
    ]
    record = {
        "task": describe_task(task),
        "weights": prepared.source.weights_name,
        "schedule": prepared.schedule.name,
        "phases": phases,
        "kept": kept,
        "stopped": _stopped(results),
        "sizes": {name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        "set_aside": len(splits.audit.set_aside),
        "notes": [*_warnings(results), *str(splits.audit).splitlines()],
        "fingerprint": splits.fingerprint(),
        "held": splits.fingerprint("validation"),
        "start": prepared.start,
        "seen": (splits.seen() | prepared.seen).as_plain(),
        "seen_before": prepared.seen.as_plain(),
        "seed": seed,
        "versions": {name: version(name) for name in ("kzoo", "keras", "tensorflow", "numpy")},
        **more,
    }
    adapted = Adapted(
        card=prepared.source.card,
        kind=task.kind,
        labels=list(splits.labels),
        head=prepared.head,
        preprocessor=prepared.preprocessor,
        network=prepared.assembled.model,
        features=prepared.assembled.features,
        scale=scale,
        record=record,
        data=splits,
        start=results[0].weights if kept and results[0].state and results[0].groups == ("head",) else None,
    )
    record["test"] = adapted.evaluate().as_dict() if len(splits.test) else None
    return adapted


def _stopped(results: Sequence[PhaseResult]) -> str | None:
    """Where Ctrl-C ended the run; None where it did not."""
    return next((result.stopped for result in results if result.stopped), None)


def _warnings(results: Sequence[PhaseResult]) -> list[str]:
    """A line for a run that was stopped, and for each phase that diverged."""
    lost = [f"{WARNING}: phase {number}: {r.diverged}" for number, r in enumerate(results, start=1) if r.diverged]
    stopped = _stopped(results)
    return [*([f"{WARNING}: {stopped}: the best weights so far are kept"] if stopped else []), *lost]
