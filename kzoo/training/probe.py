"""The linear probe: a linear head solved to its optimum on features that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from kzoo.training.losses import score

SMALL = 30_000_000
"""Features under this number are solved by one thread."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse L2 penalties that are tried in turn, on standardised features, as scikit-learn's C."""


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
    """The linear head of the lowest loss on validation (multinomial or one-vs-rest logistic, or ridge regression).

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: features and targets.
        kind: kind of the task.
    """
    features, targets, weights = train
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - mean) / deviation
    fit = _fitter(kind, outputs=targets.shape[1])
    tried: list[Solution] = []
    for strength in STRENGTHS:
        # On a small problem threads wait for each other more than they work, above all on cores in use.
        with threadpool_limits(1 if features.size < SMALL else None):
            kernel, bias = fit(standard, targets, weights, strength)
        kernel = kernel / deviation[:, None]
        bias = bias - mean @ kernel
        scores = score(kind, validation[0] @ kernel + bias, validation[1])
        tried.append(Solution(kernel.astype(np.float32), bias.astype(np.float32), strength, scores))
        # The loss falls to its lowest point and then rises: there is nothing better to come.
        if len(tried) > 1 and scores["val_loss"] > 1.02 * tried[-2].scores["val_loss"]:
            break
    return min(tried, key=lambda solution: solution.scores["val_loss"])


def _fitter(kind: str, *, outputs: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """A function of features, targets, weights and strength that gives kernel and bias.

    Called again with a weaker penalty, it goes on from the last solution.
    """
    if kind == "regression":
        return _ridge
    # As many problems as there are questions: which class (one), or whether each label holds.
    models = [
        LogisticRegression(max_iter=1000, tol=1e-5, warm_start=True)
        for _ in range(1 if kind == "classification" else outputs)
    ]

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float
    ) -> tuple[np.ndarray, np.ndarray]:
        if kind == "classification":
            return _logistic(
                models[0].set_params(C=strength), features, targets.argmax(axis=1), weights, outputs=outputs
            )
        columns = [
            _logistic(model.set_params(C=strength), features, column.astype(int), weights, outputs=1)
            for model, column in zip(models, targets.T, strict=True)
        ]
        return np.concatenate([k for k, _ in columns], axis=1), np.concatenate([b for _, b in columns])

    return fit


def _ridge(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    model = Ridge(alpha=1 / strength).fit(features, targets, sample_weight=weights)
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


def _logistic(
    model: LogisticRegression, features: np.ndarray, classes: np.ndarray, weights: np.ndarray, *, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (C, outputs) and bias (outputs,); a class that was never seen gets a bias no other loses to."""
    seen = np.unique(classes)
    kernel, bias = np.zeros((features.shape[1], outputs)), np.full(outputs, -20.0)
    if len(seen) == 1:
        bias[seen[0] if outputs > 1 else 0] = 20.0 if outputs > 1 or seen[0] else -20.0
        return kernel, bias
    model.fit(features, classes, sample_weight=weights)
    if len(seen) > 2:
        kernel[:, seen], bias[seen] = model.coef_.T, model.intercept_
    elif outputs == 1:
        kernel[:, 0], bias[0] = model.coef_[0], model.intercept_[0]
    else:
        # Binary logistic regression has one logit: half of it for one class, half against the other.
        kernel[:, seen] = np.stack([-model.coef_[0] / 2, model.coef_[0] / 2], axis=1)
        bias[seen] = [-model.intercept_[0] / 2, model.intercept_[0] / 2]
    return kernel, bias
