"""Metrics of the user's: Keras metrics and callables, each with a bootstrap interval.

Such a metric gives only its value on a set of examples, so the jackknife of `kzoo.core.intervals` does not always
apply. The 95% interval lies between percentiles of `scipy.stats.bootstrap`: examples, or whole groups where there are
groups, are drawn with replacement, and the metric is computed on each draw. The interval is too narrow for almost
perfect scores and for few groups.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from scipy import stats

from kzoo.core.intervals import LEVEL, Metric, number_groups
from kzoo.task_kinds.kind_registry import TASK_KINDS
from kzoo.task_kinds.task_kind import TaskKind

RESAMPLES = 499
"""Draws of a bootstrap. A Keras metric takes 2 ms or more on each."""


@dataclass(frozen=True)
class UserMetric:
    """A metric of the user's.

    Args:
        name: as it is shown.
        function: of truth and outputs, float32 (N, outputs) each, to a number.
    """

    name: str
    function: Callable[[np.ndarray, np.ndarray], float]


METRICS: dict[str, UserMetric] = {}
"""Metrics that `register_metric` added, by name."""


def register_metric(name: str, metric: object) -> None:
    """Makes `metric` known by its name, to ``metrics=`` and ``monitor=``.

    Args:
        name: a new name.
        metric: a callable of truth and outputs, both float32 (N, outputs), that returns a number; or a Keras metric. As
            a ``monitor`` it selects the epoch and the phase where it is highest on validation.

    Raises:
        ValueError: the name is taken, here or in `keras.metrics`.
        TypeError: the metric is neither.

    Example:
        >>> def certainty(truth, outputs):
        ...     return outputs.max(axis=1).mean()
        >>> register_metric("certainty", certainty)
        >>> METRICS.pop("certainty").function(np.eye(2), np.array([[0.75, 0.25], [0.0, 1.0]]))
        np.float64(0.875)
    """
    if isinstance(metric, str):
        raise TypeError(f"A metric must be a Keras metric, or a callable of (truth, outputs). Got {metric!r}.")
    made = replace(_metric(metric, 1), name=name)
    built_in = built_in_metrics() | {"loss"}.union(*(kind.monitors for kind in TASK_KINDS.values()))
    if name in built_in or name in METRICS or _is_named_by_keras(name):
        raise ValueError(f"A metric named {name!r} already exists. Choose another name.")
    METRICS[name] = made


def _is_named_by_keras(name: str) -> bool:
    try:
        return keras.metrics.get(name) is not None
    except ValueError:
        return False


def built_in_metrics() -> frozenset[str]:
    """Names of the metrics that are always shown, of all kinds of task."""
    return frozenset(name for kind in TASK_KINDS.values() for name in kind.metric_names)


def resolve_metrics(metrics: Sequence[object], *, kind: TaskKind, outputs: int) -> tuple[UserMetric, ...]:
    """Metrics of the user's, each tried on a few examples.

    Args:
        metrics: Keras metrics, their names, names of registered ones, or callables of truth and outputs that return a
            number.
        kind: of the task.
        outputs: of the model.

    Raises:
        TypeError: one has another type.
        ValueError: one fails, does not give a number, or has the name of another one.
    """
    built_in = built_in_metrics()
    found: list[UserMetric] = []
    for number, metric in enumerate(metrics, start=1):
        if isinstance(metric, str) and metric in built_in:
            continue
        made = metric if isinstance(metric, UserMetric) else _metric(metric, number)
        if made.name in built_in:
            raise ValueError(f"{made.name!r} is a built-in metric of kzoo. Give your metric another name.")
        if any(each.name == made.name for each in found):
            raise ValueError(f"Two metrics are named {made.name!r}. Rename one of them.")
        found.append(made)
        truth, answers = kind.sample(outputs)
        try:
            float(made.function(truth, answers))
        except Exception as error:
            raise ValueError(
                f"The metric {made.name!r} cannot be used. It is called with truth and outputs, both float32 "
                f"(N, {outputs}){', truth one-hot' if kind.exclusive else ''}, and must return a number. It "
                f"raised {type(error).__name__}: {str(error).strip()[:300]}"
            ) from error
    return tuple(found)


def bootstrap(
    metric: UserMetric, truth: np.ndarray, outputs: np.ndarray, *, groups: Sequence[str] = ()
) -> tuple[Metric, str]:
    """The metric with its 95% interval, and a note that says how the interval was found.

    Args:
        metric: as of `resolve_metrics`.
        truth: float32 (N, outputs).
        outputs: float32 (N, outputs).
        groups: group of each example, or none.
    """
    value, index = float(metric.function(truth, outputs)), number_groups(groups)
    members = None if index is None else [np.flatnonzero(index == group) for group in range(index.max() + 1)]
    units = len(truth) if members is None else len(members)
    if units < 2:
        return Metric(value, value, value), f"{metric.name}: an interval needs two examples or more."

    def statistic(drawn: np.ndarray) -> float:
        places = drawn.astype(int)
        rows = places if members is None else np.concatenate([members[group] for group in places])
        try:
            return float(metric.function(truth[rows], outputs[rows]))
        except (ValueError, ZeroDivisionError):  # such as a class without examples in this draw
            return np.nan

    with warnings.catch_warnings():
        # Draws without a value are left out below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            (np.arange(units),),
            statistic,
            n_resamples=RESAMPLES,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
    known = drawn[np.isfinite(drawn)]
    what = "examples" if members is None else "groups"
    if len(known) < RESAMPLES / 2 or not np.isfinite(value):
        return Metric(
            value, value, value
        ), f"{metric.name}: undefined on most bootstrap draws of {what}. It has no interval."
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    note = f"{metric.name}: the interval is a percentile bootstrap of {len(known)} draws of {what}."
    return Metric(value, min(float(low), value), max(float(high), value)), note


def _metric(metric: object, number: int) -> UserMetric:
    """A metric of a Keras metric, a name or a callable; a lambda is called by its number."""
    if isinstance(metric, str) and metric in METRICS:
        return METRICS[metric]
    if isinstance(metric, str):
        try:
            found = keras.metrics.get(metric)
        except ValueError as error:
            raise ValueError(
                f"There is no metric {metric!r} in keras.metrics, and none is registered with kzoo.register_metric."
            ) from error
        if not isinstance(found, keras.metrics.Metric):
            # Keras's functions give a number for each example.
            return UserMetric(found.__name__, lambda truth, outputs: float(np.mean(found(truth, outputs))))
        return UserMetric(found.name, _of_keras(found))
    if isinstance(metric, keras.metrics.Metric):
        return UserMetric(metric.name, _of_keras(metric))
    if isinstance(metric, type) or not callable(metric):
        raise TypeError(
            f"A metric must be a Keras metric, its name, or a callable of (truth, outputs). Got {metric!r}."
        )
    function: Any = metric
    name = getattr(function, "__name__", type(function).__name__)
    return UserMetric(f"metric {number}" if name == "<lambda>" else name, function)


def _of_keras(metric: keras.metrics.Metric) -> Callable[[np.ndarray, np.ndarray], float]:
    """The value of a Keras metric on one set of examples; those called Sparse take classes, (N,)."""
    sparse = type(metric).__name__.startswith("Sparse")

    def value(truth: np.ndarray, outputs: np.ndarray) -> float:
        metric.reset_state()
        metric.update_state(truth.argmax(axis=1) if sparse else truth, outputs)
        return float(metric.result())

    return value
