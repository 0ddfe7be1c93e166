"""Ridge regression of 1 and -1 for labels, and of values as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge

from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse L2 penalties that are tried: 1 / alpha of scikit-learn's."""


def _settings(_examples: int, _width: int, strengths: Sequence[float] | None) -> list[Setting]:
    return [{"C": each} for each in strengths or PENALTIES]


def _fit(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    model = Ridge(alpha=1 / setting["C"]).fit(problem.features, problem.signs, sample_weight=problem.weights)
    kernel = np.atleast_2d(model.coef_).T
    bias = np.broadcast_to(model.intercept_, kernel.shape[1:])
    return SolvedHead(problem.steepness * kernel, problem.steepness * bias)


def _measure(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    solved = [_fit(problem, each, 0) for each in settings]
    return [held @ each.kernel + each.bias for each in solved]


RIDGE = ClassicalSolver(settings=_settings, measure=_measure, fit=_fit)
