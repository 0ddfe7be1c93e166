"""Support vector machines: linear, and with a kernel of radial basis functions by random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.svm import LinearSVC, LinearSVR

from kzoo.specs.classical_heads import RANDOM_FEATURES
from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse L2 penalties that are tried, as scikit-learn's C."""

KERNEL_PENALTIES = (1e-2, 1e-1, 1.0)
WIDTHS = (0.25, 1.0)
"""Values of gamma that are tried, times the number of features."""

SURE = 10.0
"""Score of a label that every example has."""

MARGIN = 0.05
"""Errors of a regression, in standard deviations, that cost nothing."""


def _separate(features: np.ndarray, problem: Problem, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (width, outputs) and bias (outputs,) of a linear machine for each output."""
    if problem.kind.exclusive and problem.outputs == 2:
        kernel, bias = _separate_one(features, problem.signs[:, 1], problem, penalty)
        return np.stack([-kernel, kernel], axis=1) / 2, np.array([-bias, bias]) / 2
    found = [_separate_one(features, signs, problem, penalty) for signs in problem.signs.T]
    return np.stack([kernel for kernel, _ in found], axis=1), np.array([bias for _, bias in found])


def _separate_one(
    features: np.ndarray, signs: np.ndarray, problem: Problem, penalty: float
) -> tuple[np.ndarray, float]:
    if not problem.kind.has_labels:
        options = {"epsilon": MARGIN, "loss": "squared_epsilon_insensitive", "dual": False, "max_iter": 200}
        model = LinearSVR(C=penalty, **options).fit(features, signs, sample_weight=problem.weights)
        return model.coef_, float(np.squeeze(model.intercept_))
    if len(np.unique(signs)) == 1:
        return np.zeros(features.shape[1]), SURE * float(signs[0])
    model = LinearSVC(C=penalty, dual="auto", tol=1e-3, random_state=problem.seed)
    model.fit(features, signs > 0, sample_weight=problem.weights)
    return model.coef_[0], float(model.intercept_[0])


def _linear_settings(_examples: int, _width: int, strengths: Sequence[float] | None) -> list[Setting]:
    return [{"C": each} for each in strengths or PENALTIES]


def _measure_linear(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    solved = [_separate(problem.features, problem, each["C"]) for each in settings]
    return [held @ kernel + bias for kernel, bias in solved]


def _fit_linear(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    return SolvedHead(*_separate(problem.features, problem, setting["C"]))


def _kernel_settings(_examples: int, width: int, strengths: Sequence[float] | None) -> list[Setting]:
    return [{"gamma": g / width, "C": each} for g in WIDTHS for each in strengths or KERNEL_PENALTIES]


def _draw(width: int, gamma: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (width, units) and offsets (units,) of random features of exp(-gamma |x - y|^2)."""
    generator = np.random.default_rng(seed)
    directions = generator.normal(0, np.sqrt(2 * gamma), (width, RANDOM_FEATURES))
    return directions.astype(np.float32), generator.uniform(0, 2 * np.pi, RANDOM_FEATURES).astype(np.float32)


def _project(features: np.ndarray, directions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """What `kzoo.models.classical_layers.RandomFeatures` computes, (N, units)."""
    return np.float32(np.sqrt(2 / len(offsets))) * np.cos(features @ directions + offsets)


def _measure_kernel(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    found = []
    projected: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    for each in settings:
        if each["gamma"] not in projected:
            drawn = _draw(held.shape[1], each["gamma"], problem.seed)
            projected = {each["gamma"]: (_project(problem.features, *drawn), _project(held, *drawn))}
        features, others = projected[each["gamma"]]
        kernel, bias = _separate(features, problem, each["C"])
        found.append(others @ kernel + bias)
    return found


def _fit_kernel(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    drawn = _draw(problem.features.shape[1], setting["gamma"], problem.seed)
    return SolvedHead(*_separate(_project(problem.features, *drawn), problem, setting["C"]), drawn)


LINEAR_MACHINE = ClassicalSolver(settings=_linear_settings, measure=_measure_linear, fit=_fit_linear)
KERNEL_MACHINE = ClassicalSolver(settings=_kernel_settings, measure=_measure_kernel, fit=_fit_kernel)
