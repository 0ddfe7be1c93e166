"""The choice of what validation selects by: a name, or a callable of the user's."""

from __future__ import annotations

import difflib

import numpy as np

from kzoo.evaluation.user_metrics import METRICS
from kzoo.task_kinds.task_kind import Scale, Score, TaskKind
from kzoo.training.losses import score


def check_monitor(monitor: str | Score | None, *, kind: TaskKind) -> None:
    """Raises where a monitor is unknown, or not for this kind of task.

    Args:
        monitor: one of `kind.monitors`, ``"loss"``, the name of a registered metric, a callable, or None.
        kind: of the task.

    Raises:
        ValueError: there is none of that name, or it is for classes and targets are numbers.
        TypeError: it is no name and cannot be called.
    """
    if monitor is None or (callable(monitor) and not isinstance(monitor, type)):
        return
    known = (*kind.monitors, "loss", *METRICS)
    if not isinstance(monitor, str):
        raise TypeError(f"monitor must be one of {', '.join(known)}, or a callable. Got {monitor!r}.")
    if monitor not in known:
        near = difflib.get_close_matches(monitor, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"monitor of a {kind.name} must be one of {', '.join(known)}, or a callable of (truth, outputs). "
            f"Got {monitor!r}.{hint}"
        )


def monitor_of(monitor: str | Score | None, *, kind: TaskKind, scale: Scale | None) -> Score | None:
    """A function of targets and logits, (N, outputs) each, of which the highest value is kept; None for None.

    Args:
        monitor: as of `check_monitor`. A callable gets probabilities, or values in their own units.
        kind: of the task.
        scale: mean and deviation of targets, where training sees them standardised; or None.
    """
    if monitor is None:
        return None
    if monitor == "loss":
        return lambda targets, logits: -score(kind, logits, targets)["val_loss"]
    if isinstance(monitor, str):
        found = METRICS[monitor].function if monitor in METRICS else kind.monitors[monitor]
    else:
        found = monitor

    def in_units(values: np.ndarray) -> np.ndarray:
        if scale is None:
            return values
        mean, deviation = (np.asarray(each, np.float32) for each in scale)
        return values * deviation + mean

    def value(targets: np.ndarray, logits: np.ndarray) -> float:
        return float(found(in_units(targets), in_units(kind.outputs_of(logits))))

    return value
