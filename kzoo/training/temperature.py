"""Temperature scaling: the number by which logits are divided to lower their loss (arXiv:1706.04599)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

SHARPEST = 5.0
"""Logits are multiplied by at most this: where every example is right, no number is the best."""

CLOSE = 1e-3
"""Relative error of the number that is found. The loss is flat there: its own error is about 1e-6."""


def scaled(logits: np.ndarray, targets: np.ndarray, *, kind: str) -> np.ndarray:
    """Logits times the one number in [0, 5] for which their mean loss is lowest. The loss is convex in it.

    Args:
        logits: finite, (N, outputs).
        targets: (N, outputs): shares of the classes for ``"classification"``, 0 or 1 for ``"multi_label"``.
        kind: of the task; a regression has no temperature, and its values are returned as they are.

    Returns:
        float64 (N, outputs).
    """
    logits = logits.astype(np.float64)
    if kind == "regression" or not logits.size:
        return logits
    slope = (_slope_of_classes if kind == "classification" else _slope_of_labels)(logits, targets)
    high, low = np.log(SHARPEST), -np.log(SHARPEST)
    if slope(high) <= 0:
        return np.exp(high) * logits
    if slope(low) >= 0:
        # Hardly any model is this sure of what is wrong. All probabilities are equal at the new lower end.
        low = np.log(1e-6 / max(float(np.abs(logits).max()), 1.0))
        if slope(low) >= 0:
            return np.zeros_like(logits)
    return np.exp(brentq(slope, low, high, xtol=CLOSE)) * logits


def _slope_of_classes(logits: np.ndarray, targets: np.ndarray) -> Callable[[float], float]:
    """Of e: the derivative of the mean cross-entropy of softmax(b * logits) with respect to b, at b = exp(e)."""
    below = logits - logits.max(axis=1, keepdims=True)
    wanted = float((targets * below).sum(axis=1).mean())

    def slope(exponent: float) -> float:
        odds = np.exp(np.exp(exponent) * below)
        return float((np.einsum("nk,nk->n", odds, below) / odds.sum(axis=1)).mean()) - wanted

    return slope


def _slope_of_labels(logits: np.ndarray, targets: np.ndarray) -> Callable[[float], float]:
    """Of e: the derivative of the mean binary cross-entropy of sigmoid(b * logits) with respect to b, at b = exp(e)."""
    return lambda exponent: float(((expit(np.exp(exponent) * logits) - targets) * logits).mean())
