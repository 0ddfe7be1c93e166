"""Support vector machines: linear, and with a kernel of radial basis functions by random Fourier features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from scipy.optimize import minimize

from kzoo.specs.catalog.classical_heads import RANDOM_FEATURES
from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse L2 penalties that are tried, as scikit-learn's C."""

KERNEL_PENALTIES = (0.1, 1.0, 10.0)
WIDTHS = (0.1, 1.0)
"""Values of gamma that are tried, times the number of features."""

SURE = 10.0
"""Score of a label that every example has."""

ROUGH, FINE = 5e-3, 1e-4
"""Largest component of the gradient, as a share of that at the start: for comparing settings, and for the solution."""

MOST_STEPS = 500

MARGIN = 0.05
"""Errors of a regression, in standard deviations, that cost nothing."""


def _separate(
    features: np.ndarray, problem: Problem, penalties: Sequence[float], *, tolerance: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Kernel (width, outputs) and bias (outputs,) of a linear machine for each output, for each penalty in turn.

    The loss is the square of what a score lacks of a margin of 1, or of what is left of an error beyond `MARGIN`: it is
    smooth, so that L-BFGS solves all outputs at once, each penalty from the solution before. It is the loss of
    scikit-learn's LinearSVC, which solves one output at a time and penalises the bias too.
    """
    signs, weights = problem.signs.astype(np.float32), problem.weights[:, None]
    solution = np.zeros((features.shape[1] + 1) * problem.outputs)
    for penalty in penalties:

        def objective(flat: np.ndarray, penalty: float = penalty) -> tuple[float, np.ndarray]:
            kernel, bias = np.split(flat.reshape(-1, problem.outputs), [-1])
            scores = features @ kernel.astype(np.float32) + bias.astype(np.float32)
            lacking = _lacking(scores, signs, problem.kind.has_labels)
            slopes = 2 * penalty * weights * lacking
            loss = 0.5 * float((kernel**2).sum()) + 0.5 * float((slopes * lacking).sum(dtype=np.float64))
            gradient = np.concatenate([kernel - features.T @ slopes, -slopes.sum(axis=0, keepdims=True)])
            return loss, gradient.reshape(-1).astype(np.float64)

        # Of the kernel alone: of small features its gradient is far below that of the bias.
        start = objective(np.zeros_like(solution))[1][: -problem.outputs]
        bound = tolerance * float(np.abs(start).max())
        options = {"maxiter": MOST_STEPS, "gtol": bound, "ftol": 1e-12, "maxcor": 10}
        solution = minimize(objective, solution, jac=True, method="L-BFGS-B", options=options).x
        kernel, bias = np.split(solution.reshape(-1, problem.outputs), [-1])
        yield problem.steepness * kernel, problem.steepness * _never(problem, bias[0])


def _lacking(scores: np.ndarray, signs: np.ndarray, labels: bool) -> np.ndarray:
    """By how much scores must rise, (N, outputs), to have their margin, or to be as near to a value as they must."""
    if labels:
        return signs * np.maximum(1 - signs * scores, 0)
    errors = signs - scores
    return np.sign(errors) * np.maximum(np.abs(errors) - MARGIN, 0)


def _never(problem: Problem, bias: np.ndarray) -> np.ndarray:
    """The bias, but of labels that all examples have, or none, one that no other score comes near."""
    first = problem.signs[0]
    constant = (problem.signs == first).all(axis=0) & problem.kind.has_labels
    return np.where(constant, SURE * first, bias)


def _linear_settings(_examples: int, _width: int, strengths: Sequence[float] | None) -> list[Setting]:
    return [{"C": each} for each in strengths or PENALTIES]


def _measure_linear(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    solved = _separate(problem.features, problem, [each["C"] for each in settings], tolerance=ROUGH)
    return [held @ kernel + bias for kernel, bias in solved]


def _fit_linear(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    ((kernel, bias),) = _separate(problem.features, problem, [setting["C"]], tolerance=FINE)
    return SolvedHead(kernel, bias)


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
    for gamma, own in groupby(settings, key=lambda setting: setting["gamma"]):
        drawn = _draw(held.shape[1], gamma, problem.seed)
        features, others = _project(problem.features, *drawn), _project(held, *drawn)
        solved = _separate(features, problem, [each["C"] for each in own], tolerance=ROUGH)
        found += [others @ kernel + bias for kernel, bias in solved]
    return found


def _fit_kernel(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    drawn = _draw(problem.features.shape[1], setting["gamma"], problem.seed)
    ((kernel, bias),) = _separate(_project(problem.features, *drawn), problem, [setting["C"]], tolerance=FINE)
    return SolvedHead(kernel, bias, drawn)


LINEAR_MACHINE = ClassicalSolver(settings=_linear_settings, measure=_measure_linear, fit=_fit_linear)
KERNEL_MACHINE = ClassicalSolver(settings=_kernel_settings, measure=_measure_kernel, fit=_fit_kernel)
