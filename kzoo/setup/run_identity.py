"""What tells a run from another one: only the same run goes on from what its directory keeps."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from kzoo.core.disk.checkpoints import PlainValues
from kzoo.core.storage import target_of
from kzoo.data.seeds import version_key
from kzoo.setup.prepare import Prepared
from kzoo.training.resuming.run_directory import RunDirectory

FORMAT = 2
"""Of what a run directory holds."""


@contextlib.contextmanager
def run_directory(
    directory: str | Path | None,
    prepared: Prepared,
    *,
    verb: str,
    seed: int,
    class_weight: str | Mapping[str, float] | None = None,
    precision: str | None = None,
    more: PlainValues | None = None,
) -> Iterator[RunDirectory | None]:
    """The directory of a run, which it alone uses within the block; None where it has none.

    Args:
        directory: as of `kzoo.adapt`.
        prepared: the run.
        verb: what was called.
        seed: as of `describe_run`.
        class_weight: likewise.
        precision: likewise.
        more: what else the weights follow from.
    """
    if directory is None:
        yield None
        return
    run = describe_run(prepared, class_weight=class_weight, precision=precision, seed=seed) | {"format": FORMAT}
    kept = RunDirectory(target_of(directory, verb=f"{verb}(directory=...)"), run | (more or {}))
    with kept.in_use():
        yield kept


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
