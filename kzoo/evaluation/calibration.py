"""Calibration: probabilities that are as sure as they are right."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from kzoo.task_kinds.kind_registry import get_task_kind

HOTTEST = 20.0
"""Temperatures are looked for between this and its inverse."""


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray, *, kind: str) -> float:
    """The temperature that minimises the log loss of logits on held-out examples (arXiv:1706.04599).

    Args:
        probabilities: float (N, K).
        truth: encoded, see `kzoo.task_kinds.task_kind.TaskKind`.
        kind: of the task; where it has no temperature, it is 1.

    Example:
        >>> probabilities = np.array([[0.999, 0.001]] * 9 + [[0.999, 0.001]])
        >>> fit_temperature(probabilities, np.array([0] * 9 + [1]), kind="classification") > 2  # far too sure
        True
    """
    log_loss = get_task_kind(kind).log_loss
    if log_loss is None or not len(truth):
        return 1.0
    most = np.log(HOTTEST)
    found = minimize_scalar(
        lambda exponent: log_loss(probabilities, truth, np.exp(exponent)),
        bounds=(-most, most),
        method="bounded",
    )
    return float(np.exp(found.x))


def merit(outputs: np.ndarray, truth: np.ndarray, *, kind: str) -> tuple[float, float]:
    """The key that compares models on held-out examples, larger is better: accuracy, then loss; or the loss alone.

    Args:
        outputs: probabilities (N, K), or values.
        truth: as of `fit_temperature`, or values (N, K).
        kind: of the task.
    """
    return get_task_kind(kind).merit(outputs, truth)
