"""Calibration: probabilities that are as sure as they are right."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logit

HOTTEST = 20.0
"""Temperatures are looked for between this and its inverse."""


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray, *, kind: str) -> float:
    """What to divide logits by so that their log loss on held-out examples is least (arXiv:1706.04599).

    Args:
        probabilities: float (N, K).
        truth: classification: int (N,); multi_label: (N, K) of 0 and 1.
        kind: of the task; a regression has no temperature: 1.

    Example:
        >>> probabilities = np.array([[0.999, 0.001]] * 9 + [[0.999, 0.001]])
        >>> fit_temperature(probabilities, np.array([0] * 9 + [1]), kind="classification") > 2  # far too sure
        True
    """
    if kind == "regression" or not len(truth):
        return 1.0
    most = np.log(HOTTEST)
    found = minimize_scalar(
        lambda exponent: _log_loss(probabilities, truth, kind=kind, temperature=np.exp(exponent)),
        bounds=(-most, most),
        method="bounded",
    )
    return float(np.exp(found.x))


def merit(outputs: np.ndarray, truth: np.ndarray, *, kind: str) -> tuple[float, float]:
    """What to compare models by on held-out examples, larger is better: accuracy, then loss; of a regression its loss.

    Args:
        outputs: probabilities (N, K), or values.
        truth: as of `fit_temperature`, or values (N, K).
        kind: of the task.
    """
    if kind == "regression":
        return (0.0, -float(np.mean((outputs - truth) ** 2)))
    right = outputs.argmax(axis=1) == truth if kind == "classification" else (outputs >= 0.5) == (truth >= 0.5)
    return (float(np.mean(right)), -_log_loss(outputs, truth, kind=kind))


def _log_loss(probabilities: np.ndarray, truth: np.ndarray, *, kind: str, temperature: float = 1.0) -> float:
    clipped = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    if kind == "classification":
        logs = log_softmax(np.log(clipped) / temperature, axis=1)
        return -float(logs[np.arange(len(truth)), truth].mean())
    signs = np.where(truth > 0.5, 1.0, -1.0)
    return float(np.logaddexp(0, -signs * logit(clipped) / temperature).mean())
