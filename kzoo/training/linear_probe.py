"""The linear probe: a linear head, fitted to its optimum on features that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from kzoo.training.losses import score

SMALL = 30_000_000
"""Features under this number are solved by one thread."""

ROUGH, FINE = 1e-3, 1e-5
"""Largest component of the gradient at which a penalty is judged, and at which the chosen one counts as solved."""

LEAST = 0.01
"""Least deviation that a feature is divided by, of the mean of all deviations."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse L2 penalties that are tried in turn, on standardised features, as scikit-learn's C."""


@dataclass(frozen=True)
class ProbeSolution:
    """A linear head on standardised features.

    Args:
        mean: of each feature, float32 (C,).
        deviation: of each feature, float32 (C,).
        kernel: float32 (C, outputs).
        bias: float32 (outputs,).
        strength: the inverse penalty that validation chose.
        scores: its scores on validation.
    """

    mean: np.ndarray
    deviation: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    scores: dict[str, float]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits (N, outputs) of features (N, C)."""
        return (features - self.mean) / self.deviation @ self.kernel + self.bias


def solve(
    train: tuple[np.ndarray, np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], *, kind: str
) -> ProbeSolution:
    """The linear head of the lowest loss on validation (multinomial or one-vs-rest logistic, or ridge regression).

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: features and targets.
        kind: kind of the task.
    """
    features, targets, weights = train
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    # What hardly ever varies here may vary elsewhere, or once it is tuned: it is not to drown all others then.
    deviation = np.maximum(deviation, max(LEAST * float(deviation.mean()), 1e-6)).astype(np.float32)
    standard, held = ((each - mean) / deviation for each in (features, validation[0]))
    fit = _fitter(kind, outputs=targets.shape[1])

    def attempt(strength: float, tolerance: float) -> ProbeSolution:
        # On a small problem threads wait for each other more than they work, above all on cores in use.
        with threadpool_limits(1 if features.size < SMALL else None):
            kernel, bias = fit(standard, targets, weights, strength, tolerance)
        scores = score(kind, held @ kernel + bias, validation[1])
        return ProbeSolution(mean, deviation, kernel.astype(np.float32), bias.astype(np.float32), strength, scores)

    tried: list[ProbeSolution] = []
    for strength in STRENGTHS:
        tried.append(attempt(strength, ROUGH))
        # The loss falls to its lowest point and then rises: there is nothing better to come.
        if len(tried) > 1 and tried[-1].scores["val_loss"] > 1.02 * tried[-2].scores["val_loss"]:
            break
    best = min(tried, key=lambda solution: solution.scores["val_loss"])
    return attempt(best.strength, FINE)


def _fitter(kind: str, *, outputs: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """A function of features, targets, weights and strength that gives kernel and bias.

    Called again with another penalty, it goes on from the last solution.
    """
    if kind == "regression":
        return _ridge
    # As many problems as there are questions: which class (one), or whether each label holds.
    models = [
        LogisticRegression(max_iter=1000, warm_start=True) for _ in range(1 if kind == "classification" else outputs)
    ]

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        for model in models:
            model.set_params(C=strength, tol=tolerance)
        if kind == "classification":
            return _logistic(models[0], features, targets.argmax(axis=1), weights, outputs=outputs)
        columns = [
            _logistic(model, features, column.astype(int), weights, outputs=1)
            for model, column in zip(models, targets.T, strict=True)
        ]
        return np.concatenate([k for k, _ in columns], axis=1), np.concatenate([b for _, b in columns])

    return fit


def _ridge(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, _tolerance: float
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
