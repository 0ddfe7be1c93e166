"""Logistic regression, or ridge regression of values: the linear probe, as one of the heads that are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead
from kzoo.training.probes.linear_probe import FINE, ROUGH, STRENGTHS


def _settings(_examples: int, _width: int, strengths: Sequence[float] | None) -> list[Setting]:
    return [{"C": each} for each in strengths or STRENGTHS]


def _measure(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    fit, found = problem.kind.probe(problem.outputs), []
    for each in settings:
        kernel, bias = fit(problem.features, problem.targets, problem.weights, each["C"], ROUGH)
        found.append(held @ kernel + bias)
    return found


def _fit(problem: Problem, setting: Setting, _places: int) -> SolvedHead:
    fit = problem.kind.probe(problem.outputs)
    return SolvedHead(*fit(problem.features, problem.targets, problem.weights, setting["C"], FINE))


LOGISTIC_REGRESSION = ClassicalSolver(settings=_settings, measure=_measure, fit=_fit)
