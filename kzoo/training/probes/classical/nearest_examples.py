"""k nearest neighbours by the cosine of standardised features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kzoo.specs.catalog.classical_heads import NEIGHBORS
from kzoo.training.probes.classical.classical_solver import ClassicalSolver, Problem, Setting, SolvedHead

COUNTS = (1, 3, 5, 10, 20, NEIGHBORS)
"""Values of k that are tried."""


def _settings(examples: int, _width: int, _strengths: Sequence[float] | None) -> list[Setting]:
    return [{"k": count} for count in COUNTS if count <= examples] or [{"k": 1}]


def _measure(problem: Problem, held: np.ndarray, settings: Sequence[Setting]) -> list[np.ndarray]:
    most = min(int(max(each["k"] for each in settings)), len(problem.features))
    search = NearestNeighbors(n_neighbors=most, metric="cosine", algorithm="brute").fit(problem.features)
    near = search.kneighbors(held, return_distance=False)
    weights, signs = problem.weights[near], problem.signs[near]
    total = np.cumsum(weights[:, :, None] * signs, axis=1) / np.cumsum(weights, axis=1)[:, :, None]
    return [problem.steepness * total[:, min(int(each["k"]), most) - 1] for each in settings]


def _fit(problem: Problem, setting: Setting, places: int) -> SolvedHead:
    """Fills places with the examples; those that are left stay empty."""
    features = problem.features
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    empty = places - len(features)
    between = (
        np.pad(features / np.maximum(lengths, 1e-12), ((0, empty), (0, 0))),
        np.pad(problem.signs, ((0, empty), (0, 0))),
        np.pad(problem.weights, (0, empty)),
        (np.arange(min(NEIGHBORS, places)) < setting["k"]).astype(np.float32),
    )
    return SolvedHead(problem.steepness * np.eye(problem.outputs), np.zeros(problem.outputs), between)


NEAREST = ClassicalSolver(settings=_settings, measure=_measure, fit=_fit)
