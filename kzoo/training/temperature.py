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
    """Logits times the one number in [0, 5] for which their mean loss is lowest. The loss is convex in it.

    Args:
        logits: finite, (N, outputs).
        targets: rows, (N, outputs).
        kind: of the task; where it has no temperature, logits are returned as they are.

    Returns:
        float64 (N, outputs).
    """
    logits = logits.astype(np.float64)
    if kind.temperature_slope is None or not logits.size:
        return logits
    slope = kind.temperature_slope(logits, targets)
    high, low = np.log(SHARPEST), -np.log(SHARPEST)
    if slope(high) <= 0:
        return np.exp(high) * logits
    if slope(low) >= 0:
        # Hardly any model is this sure of what is wrong. All probabilities are equal at the new lower end.
        low = np.log(1e-6 / max(float(np.abs(logits).max()), 1.0))
        if slope(low) >= 0:
            return np.zeros_like(logits)
    return np.exp(brentq(slope, low, high, xtol=CLOSE)) * logits
