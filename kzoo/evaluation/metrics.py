"""Metrics on examples that were not used for training or selection, each with a 95% interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.evaluation.user_metrics import UserMetric, bootstrap
from kzoo.specs.checked_json import Fields
from kzoo.specs.records.evaluation_record import EvaluationRecord, MetricRecord
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW_EXAMPLES = 5
FEW_GROUPS = 10
_NAMED = 10


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good predictions are.

    Args:
        kind: kind of the task.
        size: number of examples.
        labels: names of the outputs.
        metrics: by name, each with the interval that holds its value on all such examples in 95 of 100 test sets.
            Accuracies, exact match and F1 have Wilson's interval for the effective number of examples (Dean and Pagano
            2015, 10.1093/jssam/smv024; with Price and Bonett's correction of 2004 for perfect scores and rare classes);
            of accuracy without groups it is exactly Wilson's. Losses, errors and 1 - R2 have Student's interval of
            their logarithm. Variances come from the jackknife: where examples come in groups, whole groups are left
            out, and the interval is about examples of new groups. See `kzoo.core.intervals`. Metrics of the
            user's have a bootstrap interval, see `kzoo.evaluation.user_metrics`.
        by_label: precision, recall, F1 and number of examples for each label; the error of each value.
        confusion: int (K, K), rows the truth, for classification; else None.
        names: of the examples.
        truth: int64 (N,) or float32 (N, outputs).
        outputs: probabilities, or values, float32 (N, outputs).
        notes: examples that were left out, and why; imprecise scores.
        by_group: the first metric for each group of examples, the worst first; None where there are no groups.
        thumbnail: from the number of an example to a small JPEG, or to None; None where examples are not images.
    """

    kind: str
    size: int
    labels: Sequence[str]
    metrics: dict[str, Metric]
    by_label: Table
    confusion: np.ndarray | None
    names: Sequence[str]
    truth: np.ndarray
    outputs: np.ndarray
    notes: Sequence[str] = ()
    by_group: Table | None = None
    thumbnail: Callable[[int], bytes | None] | None = None

    def __getitem__(self, name: str) -> float:
        return self.metrics[name].value

    def table(self) -> Table:
        """One row a metric."""
        rows = [(name, each.value, f"[{each.low:.3f}, {each.high:.3f}]") for name, each in self.metrics.items()]
        return Table(("metric", "value", "95% interval"), rows, title=f"{self.size} examples", notes=self.notes)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._tables()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self._tables())

    def _tables(self) -> list[Table]:
        """The printed tables; long ones are folded."""
        by_label = self.by_label
        if "examples" in by_label.columns:
            by_label = by_label.folded(by="examples", every="evaluation.by_label", noun="labels")
        found = [self.table(), by_label]
        if self.by_group is not None:
            found.append(self.by_group.folded(by="examples", every="evaluation.by_group", noun="groups"))
        return found

    def worst(self, most: int = 9) -> Table:
        """The mistakes that the model was surest of: name, truth, prediction, its probability (classification).

        A notebook shows a small image before each row, where examples are images.
        """
        if not get_task_kind(self.kind).exclusive:
            raise ValueError(f"worst() needs a classification. This evaluation is of the kind {self.kind!r}.")
        best, surest = self.outputs.argmax(axis=1), self.outputs.max(axis=1)
        wrong = np.flatnonzero(best != self.truth)
        order = wrong[np.argsort(-surest[wrong], kind="stable")][:most]
        rows = [
            (self.names[row], self.labels[int(self.truth[row])], self.labels[int(best[row])], float(surest[row]))
            for row in order.tolist()
        ]
        of = self.thumbnail
        small = of and (lambda row: of(int(order[row])))
        columns, title = ("example", "is", "taken for", "probability"), f"{len(wrong)} mistakes"
        return Table(columns, rows, title=title, image=small)

    def plot(self) -> Figure:
        """A matplotlib figure (extra ``viz``).

        Classification: the confusion matrix. Multi-label: the scores of each label. Regression: predictions against the
        truth, with residuals.
        """
        return get_task_kind(self.kind).plot(self.outputs, self.truth, self.labels)

    def as_dict(self) -> Fields:
        """The metrics as plain values, for JSON."""
        return self.record().as_plain()

    def record(self) -> EvaluationRecord:
        """The metrics alone, for the record of a run."""
        found = {name: MetricRecord(each.value, each.low, each.high) for name, each in self.metrics.items()}
        return EvaluationRecord(size=self.size, metrics=found, notes=self.notes)


def measure(
    kind: str,
    outputs: np.ndarray,
    truth: np.ndarray,
    *,
    labels: Sequence[str],
    names: Sequence[str],
    notes: Sequence[str] = (),
    groups: Sequence[str] = (),
    metrics: Sequence[UserMetric] = (),
    thumbnail: Callable[[int], bytes | None] | None = None,
) -> Evaluation:
    """Compares predictions with the truth.

    Args:
        kind: kind of the task.
        outputs: probabilities (N, K), or values (N, outputs) for a regression.
        truth: int64 (N,) for classification, else float32 (N, outputs).
        labels: names of the outputs.
        names: of the examples.
        notes: examples that were left out, and why.
        groups: group of each example, or none.
        metrics: of the user's, beside the built-in ones.
        thumbnail: as of `Evaluation`.

    Example:
        >>> outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> names, truth = ["a", "b", "c"], np.array([0, 1, 1])
        >>> found = measure("classification", outputs, truth, labels=["cat", "dog"], names=names)
        >>> round(found["accuracy"], 3), found.confusion.tolist()
        (0.667, [[1, 0], [1, 1]])
    """
    if not len(truth):
        raise ValueError("The evaluation needs at least one example. Got none.")
    row = get_task_kind(kind)
    rows = row.as_rows(truth, outputs.shape[1])
    own = {each.name: bootstrap(each, rows, outputs, groups=groups) for each in metrics}
    return Evaluation(
        kind=kind,
        size=len(truth),
        labels=labels,
        metrics=row.metrics(outputs, truth, groups=groups) | {name: found for name, (found, _) in own.items()},
        by_label=row.by_label(outputs, truth, labels),
        confusion=None if row.confusion is None else row.confusion(outputs, truth),
        names=names,
        truth=truth,
        outputs=outputs,
        notes=[
            *notes,
            *(note for _, note in own.values()),
            *_rough_labels(row, truth, labels),
            *_rough_groups(groups),
        ],
        by_group=_by_group(row, outputs, truth, groups) if len(groups) else None,
        thumbnail=thumbnail,
    )


def _by_group(kind: TaskKind, outputs: np.ndarray, truth: np.ndarray, groups: Sequence[str]) -> Table:
    """The first metric of each group of examples, the worst first."""
    scores = kind.example_scores(outputs, truth)
    found, index, counts = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=scores) / counts
    rows = [(str(group), float(mean), int(n)) for group, mean, n in zip(found, means, counts, strict=True)]
    worst = 1 if kind.higher_is_better else -1
    columns = ("group", kind.metric_names[0], "examples")
    return Table(columns, sorted(rows, key=lambda row: (worst * row[1], row[0])))


def _rough_labels(kind: TaskKind, truth: np.ndarray, labels: Sequence[str]) -> list[str]:
    """A note that names the labels that few test examples have."""
    if kind.label_counts is None:
        return []
    counts = kind.label_counts(truth, len(labels)).tolist()
    few = [f"{label} ({count})" for label, count in zip(labels, counts, strict=True) if count < FEW_EXAMPLES]
    if not few:
        return []
    more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
    return [f"Fewer than {FEW_EXAMPLES} test examples: {', '.join(few[:_NAMED])}{more}: their scores are imprecise."]


def _rough_groups(groups: Sequence[str]) -> list[str]:
    """A note where there are too few groups to estimate their differences."""
    count = len(set(groups))
    if count == 1:
        return [
            "All test examples are of one group, so the differences between groups cannot be estimated. The intervals "
            "treat the examples as independent and are too narrow for other groups."
        ]
    if 1 < count < FEW_GROUPS:
        return [
            f"The test examples are of {count} groups only. With fewer than {FEW_GROUPS} the intervals are imprecise."
        ]
    return []
