"""From trained phases to the `Adapted` that a user gets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from kzoo.data.examples import WARNING
from kzoo.results.adapted import Adapted
from kzoo.setup.conclusion.calibration_choice import choose_temperature, choose_temperatures, divide_logits
from kzoo.setup.conclusion.task_bests import best_phases
from kzoo.setup.conclusion.tta_choice import choose_views
from kzoo.setup.prepare import Prepared
from kzoo.specs.records.origin_record import DistillationRecord
from kzoo.specs.records.phase_record import PhaseRecord
from kzoo.specs.records.run_record import RunRecord
from kzoo.task_kinds.task_kind import Scale
from kzoo.training.feed import Feed
from kzoo.training.phase import PhaseResult
from kzoo.training.selection import phase_to_keep

REFITTED = "The head was solved again on training and validation examples; the validation scores are from before"


def conclude(
    prepared: Prepared,
    results: Sequence[PhaseResult],
    *,
    scale: Scale | None,
    seed: int,
    feed: Feed | None = None,
    distilled: DistillationRecord | None = None,
) -> Adapted:
    """The model with the weights of its best phase on validation, measured once on the test split, if there is one.

    Which phase is best: see `kzoo.training.selection`.

    Args:
        prepared: what was trained.
        results: of each phase.
        scale: mean and deviation of a regression's targets, or None.
        seed: of the run.
        feed: what it was trained on, by whose validation split test-time augmentation and a temperature are chosen;
            None: there are none.
        distilled: of a student, by whom.
    """
    kept = phase_to_keep([result.state for result in results])
    refit, model = results[kept].refit, prepared.assembled.model
    model.set_weights(results[kept].weights)
    state, views, temperature, calibrated = results[kept].state, "", 1.0, ""
    temperatures, parts_calibrated = None, ""
    bests = best_phases(results, feed, kept=kept) if feed else {}
    if feed:
        state, views = choose_views(model, prepared, feed, one=state)
        temperature, calibrated = choose_temperature(state, feed)
        temperatures, parts_calibrated = choose_temperatures(state, feed)
    if refit is not None:
        refit()
    if temperatures is not None and divide_logits(model, temperatures):
        calibrated = parts_calibrated
    splits = prepared.splits
    record = RunRecord(
        task=prepared.record,
        weights=prepared.source.weights_name,
        schedule=prepared.schedule.name,
        options=prepared.options.record(),
        phases=[phase_record(result) for result in results],
        kept=kept,
        stopped=_stopped(results),
        sizes={name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        set_aside=len(splits.audit.set_aside),
        notes=[
            *_warnings(results),
            *str(splits.audit).splitlines(),
            *([REFITTED] if refit is not None else []),
            *(note for note in (views, calibrated) if note),
            *(note for _, note in bests.values()),
        ],
        fingerprint=splits.fingerprint(),
        validation_fingerprint=splits.fingerprint("validation"),
        start=prepared.start,
        refitted=refit is not None,
        seen=splits.seen() | prepared.seen,
        seen_before=prepared.seen,
        seed=seed,
        versions={name: version(name) for name in ("kzoo", "keras", "tensorflow", "numpy")},
        distilled=distilled,
    )
    adapted = Adapted(
        card=prepared.source.card,
        kind=prepared.kind.name,
        labels=list(splits.labels),
        head=prepared.head,
        preprocessor=prepared.preprocessor,
        network=model,
        features=prepared.assembled.features,
        scale=scale,
        record=record,
        tta=bool(views),
        temperature=temperature,
        data=splits,
        metrics=prepared.options.metrics,
        differences=[each for result in results[: kept + 1] for each in result.differences],
        start=_start(results, kept) if temperatures is None else None,
        task_weights={name: (number, results[number].weights) for name, (number, _) in bests.items()},
    )
    return adapted.measured() if len(splits.test) else adapted


def _start(results: Sequence[PhaseResult], kept: int) -> Sequence[np.ndarray] | None:
    """The weights before fine-tuning, where it began from a probe."""
    return results[0].weights if kept and results[0].state and results[0].groups == ("head",) else None


def phase_record(result: PhaseResult) -> PhaseRecord:
    """The record of a phase."""
    return PhaseRecord(
        phase=result.phase,
        groups=result.groups,
        scores=result.scores,
        diverged=bool(result.diverged),
        stopped=bool(result.stopped),
        views=result.views,
        activations=result.place,
        runtimes=result.runtimes,
        seconds=result.seconds,
        trunk_seconds=result.trunk_seconds,
        history=result.history,
        parameters=result.parameters,
        all_parameters=result.all_parameters,
    )


def _stopped(results: Sequence[PhaseResult]) -> str | None:
    """Where Ctrl-C ended the run; None where it did not."""
    return next((result.stopped for result in results if result.stopped), None)


def _warnings(results: Sequence[PhaseResult]) -> list[str]:
    """A line for a run that was stopped, and for each phase whose loss was not finite."""
    numbered = list(enumerate(results, start=1))
    lost = [f"{WARNING}: phase {number}: {r.recovered}" for number, r in numbered if r.recovered and not r.diverged]
    lost += [f"{WARNING}: phase {number}: {r.diverged}" for number, r in numbered if r.diverged]
    stopped = _stopped(results)
    return [*([f"{WARNING}: {stopped}: the best weights so far are kept"] if stopped else []), *lost]
