"""Slices: parts of the test examples, by class, size, brightness, speaker, any column; which of them fall behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import fisher_exact, mannwhitneyu

from kzoo.core.intervals import Metric, error, hit_rate, number_groups, units_of
from kzoo.core.tables import Table
from kzoo.task_kinds.task_kind import TaskKind

LEAST = 10
"""Examples in a slice, and beside it, from which on it is tested."""

DISTINCT = 6
"""Numbers of at most so many values are a slice each; of more, quartiles are."""

MOST_VALUES = 30
"""Values of an attribute that are tested, the most frequent ones."""

ALPHA = 0.05
"""Chance that any slice is said to fall behind although none does."""


@dataclass(frozen=True)
class Slice:
    """A part of the test examples.

    Args:
        attribute: what it is cut by, such as ``"brightness"``.
        value: which part, such as ``"12 to 85"``.
        size: number of examples.
        score: the mean of the first metric over its examples, with a 95% interval.
        rest: the same over the other examples.
        p: of the test that it is no worse than the rest: Fisher's exact test of hits, Mann and Whitney's of errors.
        corrected: the same after Holm's correction for all slices that were tested.
    """

    attribute: str
    value: str
    size: int
    score: Metric
    rest: float
    p: float
    corrected: float

    @property
    def falls_behind(self) -> bool:
        """Whether it is worse than the rest, after the correction."""
        return self.corrected < ALPHA

    @property
    def name(self) -> str:
        """Attribute and value."""
        return f"{self.attribute}: {self.value}"


def find_slices(
    kind: TaskKind,
    outputs: np.ndarray,
    truth: np.ndarray,
    *,
    labels: Sequence[str],
    attributes: Mapping[str, np.ndarray],
    groups: Sequence[str] = (),
) -> tuple[Slice, ...]:
    """All slices that have enough examples, the surest to fall behind first.

    The cuts do not depend on outputs. Attributes that divide the examples in the same way count once.

    Args:
        kind: of the task.
        outputs: probabilities or values, (N, outputs).
        truth: encoded targets.
        labels: names of the outputs.
        attributes: of the examples: numbers (N,), NaN where not known, or strings (N,), "" where not known.
        groups: what each example belongs to, or none, for the intervals.
    """
    scores = np.asarray(kind.example_scores(outputs, truth))
    masks: dict[bytes, tuple[str, str, np.ndarray]] = {}
    cuts = [*_by_target(kind, truth, labels), *(cut for name in attributes for cut in cut_by(name, attributes[name]))]
    for attribute, value, mask in cuts:
        if LEAST <= mask.sum() <= len(mask) - LEAST:
            masks.setdefault(mask.tobytes(), (attribute, value, mask))
    tests = [_p_value(scores, mask, higher_is_better=kind.higher_is_better) for *_, mask in masks.values()]
    whole = np.asarray(groups, dtype=str)
    found = []
    for (attribute, value, mask), p, corrected in zip(masks.values(), tests, holm(tests), strict=True):
        score = _mean(scores[mask], groups=whole[mask] if len(whole) else (), guess=float(scores.mean()))
        found.append(Slice(attribute, value, int(mask.sum()), score, float(scores[~mask].mean()), p, corrected))
    return tuple(sorted(found, key=lambda each: (each.corrected, each.p)))


def slice_table(slices: Sequence[Slice], *, metric: str) -> Table:
    """One row a slice; ``corrected p`` below `ALPHA` says that it falls behind."""
    rows = []
    for each in slices:
        interval = f"[{each.score.low:.3f}, {each.score.high:.3f}]"
        rows.append((each.name, each.size, each.score.value, interval, each.rest, each.p, each.corrected))
    return Table(("slice", "examples", metric, "95% interval", "all others", "p", "corrected p"), rows)


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979): no assumption on how the tests depend on each other.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values, np.float64)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected.tolist()


def cut_by(name: str, values: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """The slices of an attribute: its name, which part, and which examples, bool (N,).

    Example:
        >>> [(part, int(mask.sum())) for _, part, mask in cut_by("seconds", np.arange(20.0))]
        [('0 to 4', 5), ('5 to 9', 5), ('10 to 14', 5), ('15 to 19', 5)]
    """
    if values.dtype == object:
        found, counts = np.unique(values[values != ""].astype(str), return_counts=True)
        kept = found[np.argsort(-counts, kind="stable")][:MOST_VALUES]
        return [(name, str(value), values == value) for value in sorted(kept.tolist())]
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= DISTINCT:
        return [(name, _number(value), values == value) for value in distinct]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    quarter = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), -1)
    parts = [quarter == number for number in range(len(edges) + 1) if (quarter == number).any()]
    return [(name, f"{_number(values[part].min())} to {_number(values[part].max())}", part) for part in parts]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _by_target(kind: TaskKind, truth: np.ndarray, labels: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    """Examples of each label; of values the quartiles of each."""
    rows = kind.as_rows(truth, len(labels))
    if kind.has_labels:
        return [("label", label, rows[:, place] >= 0.5) for place, label in enumerate(labels)]
    return [cut for place, label in enumerate(labels) for cut in cut_by(f"true {label}", rows[:, place])]


def _p_value(scores: np.ndarray, mask: np.ndarray, *, higher_is_better: bool) -> float:
    inside, outside = scores[mask], scores[~mask]
    if scores.dtype == bool:
        table = [[int(part.sum()), int((~part).sum())] for part in (inside, outside)]
        return float(fisher_exact(table, alternative="less" if higher_is_better else "greater").pvalue)
    if np.ptp(scores) == 0:
        return 1.0
    return float(mannwhitneyu(inside, outside, alternative="less" if higher_is_better else "greater").pvalue)


def _mean(scores: np.ndarray, *, groups: Sequence[str] | np.ndarray, guess: float) -> Metric:
    if scores.dtype == bool:
        return hit_rate(scores, groups=list(groups))
    rows = np.stack([np.ones(len(scores)), scores], axis=1).astype(np.float64)
    units = units_of(rows, number_groups(list(groups)))
    return error(lambda sums: sums[:, 1] / sums[:, 0], units, chance=np.asarray([1.0, guess]))
