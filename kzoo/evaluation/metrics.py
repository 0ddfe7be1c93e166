"""Metrics on examples that chose nothing, each with a 95% interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics

from kzoo import figures
from kzoo.tables import Table

RESAMPLES = 1000
_TINY = 1e-15


@dataclass(frozen=True)
class Metric:
    """A figure with its 95% interval.

    Args:
        value: on the examples as they are.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good predictions are.

    Args:
        kind: kind of the task.
        size: number of examples.
        labels: names of the outputs.
        metrics: by name. Accuracy has a Wilson interval (10.1080/01621459.1927.10502953), the others a percentile
            bootstrap of 1000 seeded resamples.
        by_label: precision, recall, F1 and number of examples for each label; R2 and error for each value.
        confusion: int (K, K), rows the truth, for classification; else None.
        names: what each example is called.
        truth: int64 (N,) or float32 (N, outputs).
        outputs: probabilities, or values, float32 (N, outputs).
        notes: what was left out, and why.
        by_group: the first metric for each group of examples, the worst first; None where there are no groups.
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
        return [table for table in (self.table(), self.by_label, self.by_group) if table is not None]

    def worst(self, most: int = 9) -> Table:
        """The mistakes that the model was surest of: name, truth, prediction, its probability (classification)."""
        if self.kind != "classification":
            raise ValueError(f"worst() is for a Classification. This is a {self.kind}.")
        best, surest = self.outputs.argmax(axis=1), self.outputs.max(axis=1)
        wrong = np.flatnonzero(best != self.truth)
        order = wrong[np.argsort(-surest[wrong], kind="stable")][:most]
        rows = [
            (self.names[row], self.labels[int(self.truth[row])], self.labels[int(best[row])], float(surest[row]))
            for row in order.tolist()
        ]
        return Table(("example", "is", "taken for", "probability"), rows, title=f"{len(wrong)} mistakes")

    def plot(self) -> Any:
        """The confusion matrix, as a matplotlib figure (extra ``viz``)."""
        if self.confusion is None:
            raise ValueError(f"plot() draws the confusion matrix of a Classification. This is a {self.kind}.")
        return figures.matrix(self.confusion, self.labels)

    def as_dict(self) -> dict[str, Any]:
        """The metrics as plain values, for JSON."""
        found = {name: {"value": m.value, "low": m.low, "high": m.high} for name, m in self.metrics.items()}
        return {"size": self.size, "metrics": found, "notes": list(self.notes)}


def measure(
    kind: str,
    outputs: np.ndarray,
    truth: np.ndarray,
    *,
    labels: Sequence[str],
    names: Sequence[str],
    notes: Sequence[str] = (),
    groups: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Compares predictions with the truth.

    Args:
        kind: kind of the task.
        outputs: probabilities (N, K), or values (N, outputs) for a regression.
        truth: int64 (N,) for classification, else float32 (N, outputs).
        labels: names of the outputs.
        names: what each example is called.
        notes: what was left out, and why.
        groups: what each example belongs to, or none.
        seed: of the bootstrap.
    """
    if not len(truth):
        raise ValueError("There are no examples to evaluate on.")
    make = {"classification": _classification, "multi_label": _multi_label, "regression": _regression}[kind]
    found, by_label, confusion = make(outputs, truth, labels, np.random.default_rng(seed))
    by_group = _by_group(kind, outputs, truth, groups) if len(groups) else None
    return Evaluation(kind, len(truth), labels, found, by_label, confusion, names, truth, outputs, notes, by_group)


def _by_group(kind: str, outputs: np.ndarray, truth: np.ndarray, groups: Sequence[str]) -> Table:
    """Accuracy, exact match, or mean absolute error, of each group, the worst first."""
    if kind == "regression":
        name, scores = "mean absolute error", np.abs(outputs - truth).mean(axis=1)
    elif kind == "multi_label":
        name, scores = "exact match", ((outputs >= 0.5) == (truth >= 0.5)).all(axis=1)
    else:
        name, scores = "accuracy", outputs.argmax(axis=1) == truth
    members = np.asarray(groups, dtype=object)
    rows = [(group, float(scores[members == group].mean()), int((members == group).sum())) for group in set(groups)]
    worst = -1 if kind == "regression" else 1
    return Table(("group", name, "examples"), sorted(rows, key=lambda row: (worst * row[1], row[0])))


def _classification(
    outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str], rng: np.random.Generator
) -> tuple[dict[str, Metric], Table, np.ndarray]:
    count = len(labels)
    predicted = outputs.argmax(axis=1)
    confusion = metrics.confusion_matrix(truth, predicted, labels=range(count))
    losses = -np.log(np.clip(outputs[np.arange(len(truth)), truth].astype(np.float64), _TINY, 1))
    cells = truth * count + predicted

    def resampled(rows: np.ndarray) -> tuple[float, ...]:
        drawn = np.bincount(cells[rows], minlength=count * count).reshape(count, count)
        return (*_from_confusion(drawn), float(losses[rows].mean()))

    low, high = _bootstrap(resampled, len(truth), rng)
    values = (*_from_confusion(confusion), float(losses.mean()))
    found = {"accuracy": _wilson(int(np.trace(confusion)), len(truth))}
    for index, name in enumerate(("balanced accuracy", "macro-F1", "log loss")):
        found[name] = Metric(values[index], low[index], high[index])
    scores = metrics.precision_recall_fscore_support(truth, predicted, labels=range(count), zero_division=0)
    return found, _by_label(labels, np.stack(scores, axis=1)), confusion


def _from_confusion(confusion: np.ndarray) -> tuple[float, float]:
    """Balanced accuracy and macro-F1, over the classes that occur (scikit-learn's definitions)."""
    hits, truths, guesses = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    recall = hits[truths > 0] / truths[truths > 0]
    seen = truths + guesses > 0
    return float(recall.mean()), float((2 * hits[seen] / (truths + guesses)[seen]).mean())


def _multi_label(
    outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str], rng: np.random.Generator
) -> tuple[dict[str, Metric], Table, None]:
    predicted = outputs >= 0.5
    wanted = truth >= 0.5
    clipped = np.clip(outputs.astype(np.float64), _TINY, 1 - _TINY)
    losses = -np.where(wanted, np.log(clipped), np.log1p(-clipped)).mean(axis=1)
    exact = (predicted == wanted).all(axis=1)

    def values(rows: np.ndarray) -> tuple[float, ...]:
        macro = metrics.f1_score(wanted[rows], predicted[rows], average="macro", zero_division=0)
        micro = metrics.f1_score(wanted[rows], predicted[rows], average="micro", zero_division=0)
        return float(macro), float(micro), float(losses[rows].mean())

    low, high = _bootstrap(values, len(truth), rng, resamples=200)
    found = {"exact match": _wilson(int(exact.sum()), len(truth))}
    for index, (name, value) in enumerate(
        zip(("macro-F1", "micro-F1", "log loss"), values(np.arange(len(truth))), strict=True)
    ):
        found[name] = Metric(value, low[index], high[index])
    scores = metrics.precision_recall_fscore_support(wanted, predicted, zero_division=0)
    return found, _by_label(labels, np.stack(scores, axis=1)), None


def _regression(
    outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str], rng: np.random.Generator
) -> tuple[dict[str, Metric], Table, None]:
    def values(rows: np.ndarray) -> tuple[float, ...]:
        error = outputs[rows] - truth[rows]
        spread = np.square(truth[rows] - truth[rows].mean(axis=0)).sum(axis=0)
        r2 = float(np.mean(1 - np.square(error).sum(axis=0) / np.maximum(spread, _TINY)))
        return float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean())), r2

    low, high = _bootstrap(values, len(truth), rng)
    names = ("mean absolute error", "root mean squared error", "R2")
    found = {
        name: Metric(value, low[index], high[index])
        for index, (name, value) in enumerate(zip(names, values(np.arange(len(truth))), strict=True))
    }
    errors = np.abs(outputs - truth).mean(axis=0)
    rows = [(label, float(error)) for label, error in zip(labels, errors, strict=True)]
    return found, Table(("value", "mean absolute error"), rows), None


def _by_label(labels: Sequence[str], scores: np.ndarray) -> Table:
    rows = [(label, *map(float, row[:3]), int(row[3])) for label, row in zip(labels, scores, strict=True)]
    return Table(("label", "precision", "recall", "F1", "examples"), rows)


def _bootstrap(
    statistic: Callable[[np.ndarray], tuple[float, ...]],
    size: int,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> tuple[np.ndarray, np.ndarray]:
    """2.5% and 97.5% quantiles of a statistic over resampled rows (Efron 1979)."""
    drawn = np.asarray([statistic(rng.integers(0, size, size)) for _ in range(resamples)])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return low, high


def _wilson(hits: int, size: int) -> Metric:
    interval = binomtest(hits, size).proportion_ci(method="wilson")
    return Metric(hits / size, float(interval.low), float(interval.high))
