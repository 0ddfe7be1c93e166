"""Temperature scaling: the number by which logits are divided to lower their loss (arXiv:1706.04599)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from kzoo.task_kinds.task_kind import TaskKind

SHARPEST = 5.0
"""Logits are multiplied by at most this: where every example is right, no number is the best."""

CLOSE = 1e-3
"""Relative error of the number that is found. The loss is flat there: its own error is about 1e-6."""


def scaled(logits: np.ndarray, targets: np.ndarray, *, kind: TaskKind) -> np.ndarray:
    """Logits times the number of `sharpness`, float64 (N, outputs); of several tasks each has its own."""
    if kind.parts:
        found = logits.astype(np.float64)
        for part in kind.parts:
            known = part.known(targets)
            own = sharpness(part.of(logits)[known], part.of(targets)[known], kind=part.kind)
            found[:, part.start : part.stop] *= own
        return found
    return sharpness(logits, targets, kind=kind) * logits.astype(np.float64)


def sharpness(logits: np.ndarray, targets: np.ndarray, *, kind: TaskKind) -> float:
    """The number in [0, 5] by which logits are multiplied to have the lowest mean loss. The loss is convex in it.

    Args:
        logits: finite, (N, outputs).
        targets: rows, (N, outputs).
        kind: of the task; where it has no temperature, the number is 1.
    """
    logits = logits.astype(np.float64)
    if kind.temperature_slope is None or not logits.size:
        return 1.0
    slope = kind.temperature_slope(logits, targets)
    high, low = np.log(SHARPEST), -np.log(SHARPEST)
    if slope(high) <= 0:
        return SHARPEST
    if slope(low) >= 0:
        # Hardly any model is this sure of what is wrong. All probabilities are equal at the new lower end.
        low = np.log(1e-6 / max(float(np.abs(logits).max()), 1.0))
        if slope(low) >= 0:
            return 0.0
    return float(np.exp(brentq(slope, low, high, xtol=CLOSE)))


def cautious_sharpness(logits: np.ndarray, targets: np.ndarray, *, kind: TaskKind) -> float:
    """As `sharpness`, but for answers on other examples: a few right ones do not prove that all will be right.

    The targets of N examples are 1 - 1 / (N + 2) and 1 / (N + 2) in place of 1 and 0 (Platt, "Probabilistic outputs for
    support vector machines", 1999).
    """
    share = 1 / (len(targets) + 2)
    others = targets.shape[1] - 1 if kind.exclusive else 1
    return sharpness(logits, (1 - share) * targets + share * (1 - targets) / others, kind=kind)
