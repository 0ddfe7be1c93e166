"""The score by which models are compared, as a mean over examples, and the bootstrap that compares several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kzoo.core.intervals import LEVEL, Metric, number_groups
from kzoo.task_kinds.task_kind import TaskKind

RESAMPLES = 2000
_CHUNK = 250
_R2 = "R2"


def score_name(kind: TaskKind) -> str:
    """The metric that models are compared by: the first where higher is better, else R2 where there is one.

    Example:
        >>> from kzoo.task_kinds.kind_registry import get_task_kind
        >>> [score_name(get_task_kind(name)) for name in ("classification", "multi_label", "regression")]
        ['accuracy', 'exact match', 'R2']
    """
    if not kind.higher_is_better and _R2 in kind.metric_names:
        return _R2
    return kind.metric_names[0]


def merits(kind: TaskKind, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The contribution of each example, float64 (N,): the larger the better; their mean is the score.

    Where lower is better and there is no R2, the mean is the negative score.

    Args:
        kind: of the task.
        outputs: probabilities or values, (N, outputs).
        truth: encoded targets.
    """
    if score_name(kind) == _R2:
        rows = kind.as_rows(truth, outputs.shape[1]).astype(np.float64)
        spread = np.maximum(rows.var(axis=0), 1e-12)
        return 1 - ((outputs - rows) ** 2 / spread).mean(axis=1)
    each = np.asarray(kind.example_scores(outputs, truth), np.float64)
    return each if kind.higher_is_better else -each


def resampled(values: np.ndarray, *, groups: Sequence[str] = (), seed: int = 0) -> np.ndarray:
    """Means of several models over resamples of the same examples, or of their groups, float64 (`RESAMPLES`, models).

    Args:
        values: merits, float64 (N, models).
        groups: what each example belongs to, or none.
        seed: of the bootstrap.

    Example:
        >>> resampled(np.ones((20, 3))).shape
        (2000, 3)
    """
    index = number_groups(groups)
    sums, sizes = values, np.ones(len(values))
    if index is not None:
        sums, sizes = np.zeros((index.max() + 1, values.shape[1])), np.bincount(index).astype(np.float64)
        np.add.at(sums, index, values)
    rng, units, means = np.random.default_rng(seed), len(sums), []
    for _ in range(RESAMPLES // _CHUNK):
        counts = rng.multinomial(units, np.full(units, 1 / units), size=_CHUNK).astype(np.float64)
        means.append(counts @ sums / (counts @ sizes)[:, None])
    return np.concatenate(means)


def first_shares(means: np.ndarray) -> np.ndarray:
    """In which share of the resamples each model is first, float64 (models,); ties are divided.

    Example:
        >>> first_shares(np.asarray([[0.5, 0.6], [0.7, 0.6], [0.5, 0.5], [0.1, 0.4]])).tolist()
        [0.375, 0.625]
    """
    best = means >= means.max(axis=1, keepdims=True) - 1e-12
    return (best / best.sum(axis=1, keepdims=True)).mean(axis=0)


def difference(values: np.ndarray, means: np.ndarray) -> Metric:
    """The mean of paired differences (N,), with a percentile interval of its means over resamples (R,)."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    value = float(np.mean(values))
    return Metric(value, min(float(low), value), max(float(high), value))


def show_gain(kind: TaskKind, gain: Metric) -> str:
    """A difference of scores with its interval: shares in points, hundredths; other scores as they are.

    Example:
        >>> from kzoo.task_kinds.kind_registry import get_task_kind
        >>> show_gain(get_task_kind("classification"), Metric(0.112, 0.089, 0.134))
        '+11.2 points (95%: 8.9 to 13.4)'
        >>> show_gain(get_task_kind("regression"), Metric(-0.1, -0.2, 0.05))
        '-0.100 R2 (95%: -0.200 to 0.050)'
    """
    if kind.higher_is_better:
        return f"{100 * gain.value:+.1f} points (95%: {100 * gain.low:.1f} to {100 * gain.high:.1f})"
    return f"{gain.value:+.3f} {score_name(kind)} (95%: {gain.low:.3f} to {gain.high:.3f})"
