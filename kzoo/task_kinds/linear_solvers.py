"""Solvers of linear probes, one for each way that outputs may depend on each other."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from kzoo.task_kinds.task_kind import Fit


def multinomial(outputs: int) -> Fit:
    """Logistic regression of one question: which of the classes."""
    model = _model()

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        model.set_params(C=strength, tol=tolerance)
        return _logistic(model, features, targets.argmax(axis=1), weights, outputs=outputs)

    return fit


def one_vs_rest(outputs: int) -> Fit:
    """Logistic regression of as many questions as there are labels: whether each holds."""
    models = [_model() for _ in range(outputs)]

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        for model in models:
            model.set_params(C=strength, tol=tolerance)
        columns = [
            _logistic(model, features, column.astype(int), weights, outputs=1)
            for model, column in zip(models, targets.T, strict=True)
        ]
        return np.concatenate([k for k, _ in columns], axis=1), np.concatenate([b for _, b in columns])

    return fit


def ridge(_outputs: int) -> Fit:
    """Ridge regression of all values at once."""

    def fit(
        features: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float, _tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        model = Ridge(alpha=1 / strength).fit(features, targets, sample_weight=weights)
        return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)

    return fit


def _model() -> LogisticRegression:
    return LogisticRegression(max_iter=1000, warm_start=True)


def _logistic(
    model: LogisticRegression, features: np.ndarray, classes: np.ndarray, weights: np.ndarray, *, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (C, outputs) and bias (outputs,); a class that was never seen gets a bias no other loses to."""
    seen = np.unique(classes)
    kernel, bias = np.zeros((features.shape[1], outputs)), np.full(outputs, -20.0)
    if len(seen) == 1:
        bias[seen[0] if outputs > 1 else 0] = 20.0 if outputs > 1 or seen[0] else -20.0
        return kernel, bias
    with warnings.catch_warnings():
        # A user can do nothing about it, and validation judges the solution as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
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
