"""The linear probe: a linear head, solved to its optimum on features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.losses import score

SMALL = 30_000_000
"""A problem with fewer values is solved by one thread."""

ROUGH, FINE = 1e-3, 1e-5
"""Tolerances of the largest gradient component: for comparing penalties, and for the final solution."""

LEAST = 0.01
"""Least deviation to divide a feature by, relative to the mean of all deviations."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse L2 penalties tried in turn on standardised features, like scikit-learn's C."""

FOLDS = 5
"""Number of cross-validation folds for choosing the penalty without a validation split."""


Strength: TypeAlias = float | tuple[float, ...]
"""An inverse penalty; of several tasks one each."""


@dataclass(frozen=True)
class ProbeSolution:
    """A linear head on standardised features.

    Args:
        mean: of each feature, float32 (C,).
        deviation: of each feature, float32 (C,).
        kernel: float32 (C, outputs).
        bias: float32 (outputs,).
        strength: the chosen inverse penalty; of several tasks one each.
        scores: on validation; empty without a validation split.
    """

    mean: np.ndarray
    deviation: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    strength: Strength
    scores: dict[str, float]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits (N, outputs) of features (N, C)."""
        return (features - self.mean) / self.deviation @ self.kernel + self.bias


def solve(
    train: tuple[np.ndarray, np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray] | None,
    *,
    kind: TaskKind,
    strengths: Sequence[Strength] | None = None,
) -> ProbeSolution:
    """The linear head with the lowest validation loss (multinomial or one-vs-rest logistic, or ridge regression).

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: features and targets. None: the penalty is chosen by cross-validation on `train` with up to
            `FOLDS` folds, and the solution has no scores.
        kind: the task kind.
        strengths: inverse penalties to try, in rising order; of several tasks also tuples of one each. None:
            `STRENGTHS`.
    """
    if kind.parts:
        return _solve_parts(train, validation, kind=kind, strengths=strengths or STRENGTHS)
    tried = [_number(each) for each in strengths or STRENGTHS]
    if validation is None:
        strength = _cross_validated(train, kind=kind, strengths=tried)
        return _Attempts(train, None, kind=kind).attempt(strength, FINE)
    attempts = _Attempts(train, validation, kind=kind)
    best = min(attempts.tried(tried), key=lambda solution: solution.scores["val_loss"])
    return attempts.attempt(_number(best.strength), FINE)


def _number(strength: Strength) -> float:
    if isinstance(strength, tuple):
        raise TypeError(f"One task has one penalty. Got {strength}.")
    return strength


def _solve_parts(
    train: tuple[np.ndarray, np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray] | None,
    *,
    kind: TaskKind,
    strengths: Sequence[Strength],
) -> ProbeSolution:
    """The heads of several tasks, each solved on the examples that have its target, with a penalty of its own."""
    features, targets, weights = train
    mean, deviation = moments(features)
    kernels, biases, chosen = [], [], []
    for number, part in enumerate(kind.parts):
        known = part.known(targets)
        held = None
        if validation is not None:
            asked = part.known(validation[1])
            # Without a target in validation, the penalty comes from cross-validation.
            held = (validation[0][asked], part.of(validation[1])[asked]) if asked.any() else None
        own = features[known], part.of(targets)[known], weights[known]
        tried = [each[number] if isinstance(each, tuple) else each for each in strengths]
        if not known.any():
            # As of the examples that have one certain input, of several.
            kernels.append(np.zeros((features.shape[1], part.outputs)))
            biases.append(np.zeros(part.outputs))
            chosen.append(_number(tried[len(tried) // 2]))
            continue
        found = solve(own, held, kind=part.kind, strengths=tried)
        # All tasks see features that are standardised alike.
        ratio = (deviation / found.deviation)[:, None]
        kernels.append(found.kernel * ratio)
        biases.append(found.bias + ((mean - found.mean) / found.deviation) @ found.kernel)
        chosen.append(_number(found.strength))
    kernel, bias = np.concatenate(kernels, axis=1).astype(np.float32), np.concatenate(biases).astype(np.float32)
    solution = ProbeSolution(mean, deviation, kernel, bias, tuple(chosen), {})
    if validation is None:
        return solution
    return replace(solution, scores=score(kind, solution.logits(validation[0]), validation[1]))


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, float32 (C,) each, for standardising features (N, C)."""
    deviation = features.std(axis=0)
    # A feature that hardly varies here may vary elsewhere, or after fine-tuning: it must not dominate then.
    least = max(LEAST * float(deviation.mean()), 1e-6)
    return features.mean(axis=0), np.maximum(deviation, least).astype(np.float32)


def solve_on_both(
    train: tuple[np.ndarray, np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    kind: TaskKind,
    strength: Strength,
) -> ProbeSolution:
    """The linear head of a known penalty, solved on training and validation examples together.

    Args:
        train: features (N, C), float32 targets (N, outputs), weights (N,).
        validation: the same of the validation split.
        kind: the task kind.
        strength: the inverse penalty, as `solve` chose it on validation.
    """
    features, targets, weights = (np.concatenate(pair) for pair in zip(train, validation, strict=True))
    return solve((features, targets, weights), None, kind=kind, strengths=[strength])


def solver_threads(size: int) -> threadpool_limits:
    """A context manager that limits the solver to one thread if the problem has fewer than `SMALL` values."""
    # On small problems threads mostly wait for each other, above all on busy cores.
    return threadpool_limits(1 if size < SMALL else None)


class _Attempts:
    """Solutions of one problem with several penalties; each starts from the previous one."""

    def __init__(
        self,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray] | None,
        *,
        kind: TaskKind,
    ) -> None:
        features, self.targets, self.weights = train
        self.kind, self.size = kind, features.size
        self.mean, self.deviation = moments(features)
        self.standard = (features - self.mean) / self.deviation
        self.validation = validation and ((validation[0] - self.mean) / self.deviation, validation[1])
        self._fit = kind.probe(self.targets.shape[1])

    def attempt(self, strength: float, tolerance: float) -> ProbeSolution:
        """The solution for one penalty, with its validation scores."""
        with solver_threads(self.size):
            kernel, bias = self._fit(self.standard, self.targets, self.weights, strength, tolerance)
        scores = {}
        if self.validation:
            held, truth = self.validation
            scores = score(self.kind, held @ kernel + bias, truth)
        return ProbeSolution(
            self.mean, self.deviation, kernel.astype(np.float32), bias.astype(np.float32), strength, scores
        )

    def tried(self, strengths: Sequence[float]) -> list[ProbeSolution]:
        """Solutions with ever weaker penalties, until the validation loss rises."""
        tried: list[ProbeSolution] = []
        for strength in strengths:
            tried.append(self.attempt(strength, ROUGH))
            # The loss has one minimum: after it, nothing better follows.
            if len(tried) > 1 and tried[-1].scores["val_loss"] > 1.02 * tried[-2].scores["val_loss"]:
                break
        return tried


def _cross_validated(
    train: tuple[np.ndarray, np.ndarray, np.ndarray], *, kind: TaskKind, strengths: Sequence[float]
) -> float:
    """The penalty with the lowest cross-validated loss; with fewer than two examples the middle one."""
    targets = train[1]
    if len(targets) < 2 or len(strengths) == 1:
        return strengths[len(strengths) // 2]
    # Examples are often sorted by class.
    folds = KFold(min(FOLDS, len(targets)), shuffle=True, random_state=0)
    losses: dict[float, list[float]] = {}
    for rows, held in folds.split(targets):
        part = train[0][rows], train[1][rows], train[2][rows]
        attempts = _Attempts(part, (train[0][held], targets[held]), kind=kind)
        for strength in strengths:
            found = attempts.attempt(strength, ROUGH)
            losses.setdefault(strength, []).append(found.scores["val_loss"])
    return min(losses, key=lambda strength: float(np.mean(losses[strength])))
