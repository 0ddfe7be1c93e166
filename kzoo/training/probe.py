"""The linear probe: a linear head solved to its optimum on features that are computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from kzoo.training.losses import rank_of, score

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse L2 penalties that are tried, on standardised features, as scikit-learn's C."""


@dataclass(frozen=True)
class Solution:
    """A linear head.

    Args:
        kernel: float32 (C, outputs).
        bias: float32 (outputs,).
        strength: the inverse penalty that validation chose.
        scores: its scores on validation.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    scores: dict[str, float]


def solve(
    train: tuple[np.ndarray, np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], *, kind: str
) -> Solution:
    """The best linear head by validation (multinomial or one-vs-rest logistic, or ridge regression).

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: features and targets.
        kind: kind of the task.
    """
    features, targets, weights = train
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - mean) / deviation
    tried: list[Solution] = []
    for strength in STRENGTHS:
        kernel, bias = _fit(standard, targets, weights, kind=kind, strength=strength)
        kernel = kernel / deviation[:, None]
        bias = bias - mean @ kernel
        scores = score(kind, validation[0] @ kernel + bias, validation[1])
        tried.append(Solution(kernel.astype(np.float32), bias.astype(np.float32), strength, scores))
    return max(tried, key=lambda solution: rank_of(solution.scores))


def _fit(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, *, kind: str, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    if kind == "regression":
        model = Ridge(alpha=1 / strength).fit(features, targets, sample_weight=weights)
        return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
    if kind == "classification":
        return _logistic(features, targets.argmax(axis=1), weights, strength, outputs=targets.shape[1])
    columns = [_logistic(features, column.astype(int), weights, strength, outputs=1) for column in targets.T]
    return np.concatenate([k for k, _ in columns], axis=1), np.concatenate([b for _, b in columns])


def _logistic(
    features: np.ndarray, classes: np.ndarray, weights: np.ndarray, strength: float, *, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (C, outputs) and bias (outputs,); a class that was never seen gets a bias no other loses to."""
    seen = np.unique(classes)
    kernel, bias = np.zeros((features.shape[1], outputs)), np.full(outputs, -20.0)
    if len(seen) == 1:
        bias[seen[0] if outputs > 1 else 0] = 20.0 if outputs > 1 or seen[0] else -20.0
        return kernel, bias
    model = LogisticRegression(C=strength, max_iter=300).fit(features, classes, sample_weight=weights)
    if len(seen) > 2:
        kernel[:, seen], bias[seen] = model.coef_.T, model.intercept_
    elif outputs == 1:
        kernel[:, 0], bias[0] = model.coef_[0], model.intercept_[0]
    else:
        # Binary logistic regression has one logit: half of it for one class, half against the other.
        kernel[:, seen] = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2], axis=1)
        bias[seen] = [-model.intercept_[0] / 2, model.intercept_[0] / 2]
    return kernel, bias
