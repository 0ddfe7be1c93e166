"""The choice of what validation selects by: a name, or a callable of the user's."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from kzoo.training.losses import score

Monitor = Callable[[np.ndarray, np.ndarray], float]


def _accuracy(truth: np.ndarray, outputs: np.ndarray, *, classes: bool) -> float:
    """The share of right answers; of several labels the mean share."""
    if classes:
        return float((truth.argmax(axis=1) == outputs.argmax(axis=1)).mean())
    return float(((outputs >= 0.5) == (truth >= 0.5)).mean())


def _balanced_accuracy(truth: np.ndarray, outputs: np.ndarray, *, classes: bool) -> float:
    """The mean recall of the classes that occur; of several labels the mean over labels, of yes and no."""
    if classes:
        wanted = truth.argmax(axis=1)
        return float(np.mean([(outputs.argmax(axis=1)[wanted == each] == each).mean() for each in np.unique(wanted)]))
    columns = zip((truth >= 0.5).T, (outputs >= 0.5).T, strict=True)
    return float(
        np.mean([balanced_accuracy_score(wanted, found) for wanted, found in columns if len(set(wanted)) == 2])
    )


def _macro_f1(truth: np.ndarray, outputs: np.ndarray, *, classes: bool) -> float:
    if classes:
        return float(f1_score(truth.argmax(axis=1), outputs.argmax(axis=1), average="macro", zero_division=0))
    return float(f1_score(truth >= 0.5, outputs >= 0.5, average="macro", zero_division=0))


def _auc(truth: np.ndarray, outputs: np.ndarray, *, classes: bool) -> float:
    """The mean over the classes, or labels, of the area under the curve of one against the rest."""
    columns = zip((truth >= 0.5).T, outputs.T, strict=True)
    areas = [roc_auc_score(wanted, found) for wanted, found in columns if 0 < wanted.sum() < len(wanted)]
    if not areas:
        raise ValueError("monitor='auc' needs examples of two classes in the validation split.")
    return float(np.mean(areas))


_OF_CLASSES: dict[str, Callable[..., float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "auc": _auc,
}

MONITORS = (*_OF_CLASSES, "loss")
"""Names that `monitor` may have. Of ``"loss"`` the lower one is better."""


def check_monitor(monitor: Any, *, kind: str) -> None:
    """Raises where a monitor is unknown, or not for this kind of task.

    Args:
        monitor: one of `MONITORS`, a callable, or None.
        kind: of the task.

    Raises:
        ValueError: there is none of that name, or it is for classes and targets are numbers.
        TypeError: it is no name and cannot be called.
    """
    if monitor is None or (callable(monitor) and not isinstance(monitor, type)):
        return
    known = MONITORS if kind != "regression" else ("loss",)
    if not isinstance(monitor, str):
        raise TypeError(f"monitor must be one of {', '.join(known)}, or a callable. Got {monitor!r}.")
    if monitor not in known:
        near = difflib.get_close_matches(monitor, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"monitor of a {kind} must be one of {', '.join(known)}, or a callable of (truth, outputs). "
            f"Got {monitor!r}.{hint}"
        )


def monitor_of(monitor: Any, *, kind: str, scale: Any) -> Monitor | None:
    """A function of targets and logits, (N, outputs) each, of which the highest value is kept; None for None.

    Args:
        monitor: as of `check_monitor`. A callable gets probabilities, or values in their own units.
        kind: of the task.
        scale: mean and deviation of a regression's targets, or None.
    """
    if monitor is None:
        return None
    if monitor == "loss":
        return lambda targets, logits: -score(kind, logits, targets)["val_loss"]
    if isinstance(monitor, str):
        monitor = partial(_OF_CLASSES[monitor], classes=kind == "classification")

    def value(targets: np.ndarray, logits: np.ndarray) -> float:
        if kind == "regression":
            mean, deviation = (np.asarray(each, np.float32) for each in scale)
            return float(monitor(targets * deviation + mean, logits * deviation + mean))
        outputs = softmax(logits, axis=1) if kind == "classification" else expit(logits)
        return float(monitor(targets, outputs))

    return value
