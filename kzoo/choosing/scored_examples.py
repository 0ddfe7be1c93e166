"""The examples on which candidates are scored, and the candidates that fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kzoo.choosing.candidates import name_candidates
from kzoo.choosing.yardstick import merits, score_name
from kzoo.core.intervals import Metric
from kzoo.data.examples import Splits
from kzoo.data.modalities import modality_for
from kzoo.data.splits import read
from kzoo.models.backbone_source import BackboneSource
from kzoo.results.report.out_of_fold import Folds, make_folds
from kzoo.setup.feeds import target_scale, training_rows
from kzoo.setup.model_source import source_of
from kzoo.specs.records.seen import Seen
from kzoo.specs.task import Task
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

REASON = 200
"""Characters of an error that a note shows."""


@dataclass(frozen=True)
class ScoredExamples:
    """The examples on which all candidates are scored."""

    splits: Splits
    kind: TaskKind
    truth: np.ndarray
    rows: np.ndarray
    groups: Sequence[str]
    digests: Sequence[str]
    folds: Folds
    seed: int

    def sides(self, seen: Seen) -> np.ndarray:
        """How weights have used each example, int8 (N,); see `kzoo.data.examples.Examples.sides`."""
        return np.concatenate([part.sides(seen) for part in (self.splits.train, self.splits.validation)])

    def metric(self, outputs: np.ndarray) -> Metric:
        """The score of out-of-fold outputs."""
        truth = self.rows if self.kind.standardises else self.truth
        return self.kind.metrics(outputs, truth, groups=self.groups)[score_name(self.kind)]

    def merits(self, outputs: np.ndarray) -> np.ndarray:
        """The contribution of each example to the score."""
        return merits(self.kind, outputs, self.rows if self.kind.standardises else self.truth)


def read_examples(task: Any, sources: Mapping[str, Any], *, seed: int) -> ScoredExamples:
    """The training and validation examples of the split that a model has which has seen none of the data."""
    modality = modality_for(next(iter(sources.values())).card, task)
    splits, kind = read(task, modality.name, needed=("train",)), get_task_kind(task.kind)
    parts = (splits.train, splits.validation)
    truth = np.concatenate([part.targets for part in parts if len(part)])
    rows = training_rows(kind, truth, len(splits.labels), target_scale(kind, truth))
    groups, digests = ([each for part in parts for each in getattr(part, name)] for name in ("groups", "digests"))
    folds = make_folds(kind, truth, groups=groups, digests=digests, seed=seed)
    return ScoredExamples(splits, kind, truth, rows, groups, digests, folds, seed)


def open_candidates(
    task: Task, models: Any, *, strict: bool
) -> tuple[dict[str, Any], dict[str, BackboneSource], dict[str, Exception]]:
    """Models and their sources, by name, and the errors of those that cannot be found.

    Args:
        task: the data.
        models: as of `kzoo.rank`.
        strict: whether the first error raises.

    Raises:
        ValueError: none is left.
    """
    named = name_candidates(task, models)
    failed: dict[str, Exception] = {}
    sources: dict[str, BackboneSource] = {}
    for name, model in named.items():
        with Collecting(failed, name, strict):
            sources[name] = source_of(model, weights="auto")
    if not sources:
        raise ValueError(none_left(failed))
    return named, sources, failed


class Collecting:
    """Errors of one candidate go to `failed`, unless strict."""

    def __init__(self, failed: dict[str, Exception], name: str, strict: bool) -> None:
        self.failed, self.name, self.strict = failed, name, strict

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        if self.strict:
            error.add_note(f"while scoring {self.name!r}")
            return False
        self.failed[self.name] = error
        return True


def reasons_of(failed: Mapping[str, Exception]) -> list[tuple[str, str]]:
    """Name and first line of the error of each model that failed."""
    return [(name, (str(error).splitlines() or [type(error).__name__])[0][:REASON]) for name, error in failed.items()]


def none_left(failed: Mapping[str, Exception]) -> str:
    """The message where all models failed."""
    return "No model can be scored. " + " ".join(f"{name}: {reason}." for name, reason in reasons_of(failed))
