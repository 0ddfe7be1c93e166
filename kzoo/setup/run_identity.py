"""What tells a run from another one: only the same run goes on from what its directory keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.metadata import version

from kzoo.core.disk.checkpoints import PlainValues
from kzoo.data.seeds import version_key
from kzoo.setup.prepare import Prepared


def describe_run(
    prepared: Prepared, *, class_weight: str | Mapping[str, float] | None, precision: str | None, seed: int
) -> PlainValues:
    """All that the weights of a run follow from, as plain values, and in the words of `kzoo.adapt`.

    Args:
        prepared: the run.
        class_weight: as of `kzoo.adapt`.
        precision: likewise.
        seed: likewise.
    """
    splits = prepared.splits
    return {
        "model": prepared.source.card.name,
        "start weights": prepared.start,
        "head": dataclasses.asdict(prepared.head),
        "input": [str(prepared.preprocessor), *prepared.preprocessor.shape],
        "preprocessing": version_key(prepared.preprocessor, None, seed=seed)["preprocessor"],
        "labels": list(splits.labels),
        "training data": splits.fingerprint("train"),
        "validation data": splits.fingerprint("validation"),
        **{f"phase {number}": _values(phase) for number, phase in enumerate(prepared.schedule.phases, start=1)},
        "options": dataclasses.asdict(prepared.options.record()),
        "class_weight": dict(class_weight) if isinstance(class_weight, Mapping) else class_weight,
        "precision": precision,
        "task": prepared.kind.name,
        "draws": None if prepared.draws is None else sorted(set(prepared.draws.tolist())),
        "remember": [prepared.kept.how, prepared.kept.fingerprint] if prepared.kept else None,
        "replicas": prepared.strategy.num_replicas_in_sync,
        "seed": seed,
        "version of": {name: version(name) for name in ("kzoo", "keras", "tensorflow")},
    }


def _values(phase: object) -> PlainValues:
    return {"kind": type(phase).__name__, **dataclasses.asdict(phase)}  # type: ignore[call-overload]
