"""The linear probe: a linear head solved to its optimum on features that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
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

FOLDS = 5
"""Folds of the training examples by which the penalty is chosen where there is no validation split."""

DEFAULT = 1e-2
"""The inverse penalty where there are too few examples to choose one."""


@dataclass(frozen=True)
class ProbeSolution:
    """A linear head on standardised features.

    Args:
        mean: of each feature, float32 (C,).
        deviation: of each feature, float32 (C,).
        kernel: float32 (C, outputs).
        bias: float32 (outputs,).
        strength: the inverse penalty that was chosen.
        scores: on validation; empty without a validation split.
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
    train: tuple[np.ndarray, np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray] | None,
    *,
    kind: str,
) -> ProbeSolution:
    """The linear head of the lowest loss on validation (multinomial or one-vs-rest logistic, or ridge regression).

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: features and targets. None: the penalty is chosen by cross-validation on `train`, in up to `FOLDS`
            folds, and the solution has no scores.
        kind: kind of the task.
    """
    if validation is None:
        strength = _cross_validated(train, kind=kind)
        return _Attempts(train, None, kind=kind).attempt(strength, FINE)
    attempts = _Attempts(train, validation, kind=kind)
    best = min(attempts.tried(), key=lambda solution: solution.scores["val_loss"])
    return attempts.attempt(best.strength, FINE)


class _Attempts:
    """Solutions with several penalties of one problem; each starts from the one before it."""

    def __init__(
        self,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray] | None,
        *,
        kind: str,
    ) -> None:
        features, self.targets, self.weights = train
        self.kind, self.size = kind, features.size
        self.mean, deviation = features.mean(axis=0), features.std(axis=0)
        # What hardly ever varies here may vary elsewhere, or once it is tuned: it is not to drown all others then.
        self.deviation = np.maximum(deviation, max(LEAST * float(deviation.mean()), 1e-6)).astype(np.float32)
        self.standard = (features - self.mean) / self.deviation
        self.validation = validation and ((validation[0] - self.mean) / self.deviation, validation[1])
        self._fit = _fitter(kind, outputs=self.targets.shape[1])

    def attempt(self, strength: float, tolerance: float) -> ProbeSolution:
        """The solution with one penalty, and its scores on validation."""
        # On a small problem threads wait for each other more than they work, above all on cores in use.
        with threadpool_limits(1 if self.size < SMALL else None):
            kernel, bias = self._fit(self.standard, self.targets, self.weights, strength, tolerance)
        scores = {}
        if self.validation:
            held, truth = self.validation
            scores = score(self.kind, held @ kernel + bias, truth)
        return ProbeSolution(
            self.mean, self.deviation, kernel.astype(np.float32), bias.astype(np.float32), strength, scores
        )

    def tried(self) -> list[ProbeSolution]:
        """Solutions with weaker and weaker penalties, until the loss on validation rises."""
        tried: list[ProbeSolution] = []
        for strength in STRENGTHS:
            tried.append(self.attempt(strength, ROUGH))
            # The loss falls to its lowest point and then rises: there is nothing better to come.
            if len(tried) > 1 and tried[-1].scores["val_loss"] > 1.02 * tried[-2].scores["val_loss"]:
                break
        return tried


def _cross_validated(train: tuple[np.ndarray, np.ndarray, np.ndarray], *, kind: str) -> float:
    """The penalty of the lowest mean loss on held-out folds of the training examples; `DEFAULT` for fewer than two."""
    targets = train[1]
    if len(targets) < 2:
        return DEFAULT
    # Examples often come sorted by class.
    folds = KFold(min(FOLDS, len(targets)), shuffle=True, random_state=0)
    losses: dict[float, list[float]] = {}
    for rows, held in folds.split(targets):
        part = train[0][rows], train[1][rows], train[2][rows]
        attempts = _Attempts(part, (train[0][held], targets[held]), kind=kind)
        for strength in STRENGTHS:
            found = attempts.attempt(strength, ROUGH)
            losses.setdefault(strength, []).append(found.scores["val_loss"])
    return min(losses, key=lambda strength: float(np.mean(losses[strength])))


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
