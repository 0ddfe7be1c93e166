"""Projections of the features of two backbones into one space, solved in closed form."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from kzoo.core.progress import ProgressBar
from kzoo.results.alignment.similarity import best_scale, matches_of

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Of the least squares: variance that is added to each standardised feature of one side."""

SMOOTHINGS = (1.0, 10.0, np.inf)
"""Of the other side, whose features are whitened: variance that is added, as a multiple of their mean variance.
Infinity leaves them as they are."""

MOST_COMPARED = 1_000
"""Validation pairs that penalties are chosen on; more cost memory that grows with their square."""


@dataclass(frozen=True)
class Projection:
    """A linear map of features into the common space: ``(features - mean) / deviation @ kernel``.

    Args:
        mean: float32 (C,).
        deviation: float32 (C,).
        kernel: float32 (C, width).
    """

    mean: np.ndarray
    deviation: np.ndarray
    kernel: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Embeddings of unit length, (N, width)."""
        found = (features - self.mean) / self.deviation @ self.kernel
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Solution:
    """The projections of both sides.

    Args:
        projections: of the first and of the second side, solved on training pairs.
        refitted: the same, solved on training and validation pairs.
        scale: factor of the cosines for which validation has the lowest loss.
        loss: contrastive loss on validation, in nats.
        penalty: one of `PENALTIES`.
        smoothing: one of `SMOOTHINGS`.
        fixed: the side that is only whitened, 0 or 1; the features of the other are mapped to it.
    """

    projections: tuple[Projection, Projection]
    refitted: tuple[Projection, Projection]
    scale: float
    loss: float
    penalty: float
    smoothing: float
    fixed: int


@dataclass(frozen=True)
class Features:
    """Features of both inputs of pairs.

    Args:
        sides: of the first and of the second, float32 (N, C) each.
        contents: number of the content of each, int64 (N,) each.
    """

    sides: tuple[np.ndarray, np.ndarray]
    contents: tuple[np.ndarray, np.ndarray]

    def __add__(self, other: Features) -> Features:
        sides = [np.concatenate(each) for each in zip(self.sides, other.sides, strict=True)]
        contents = [np.concatenate(each) for each in zip(self.contents, other.contents, strict=True)]
        return Features((sides[0], sides[1]), (contents[0], contents[1]))

    def take(self, rows: np.ndarray) -> Features:
        """Those of some pairs."""
        return Features((self.sides[0][rows], self.sides[1][rows]), (self.contents[0][rows], self.contents[1][rows]))


def align_features(train: Features, validation: Features, *, width: int, fixed: int | None, seed: int) -> Solution:
    """The projections with the lowest contrastive loss on validation.

    One side is whitened, more or less (`SMOOTHINGS`), the features of the other are mapped to it by ridge regression
    (`PENALTIES`); which side is which is chosen too. Between the two lie canonical correlation and ridge regression,
    and with few pairs no contrastive training was better (see `benchmarks/alignment.py`).

    Args:
        train: to solve on.
        validation: to choose on.
        width: most dimensions of the common space.
        fixed: the side that is only whitened; None: whichever is better.
        seed: of the validation pairs, where there are more than `MOST_COMPARED`.
    """
    rows = np.arange(len(validation.sides[0]))
    if len(rows) > MOST_COMPARED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_COMPARED, replace=False))
    held = validation.take(rows)
    matches = matches_of(*held.contents)
    sides = (0, 1) if fixed is None else (fixed,)
    found: list[Solution] = []
    with ProgressBar("alignment", unit="solution", total=len(sides) * len(SMOOTHINGS) * len(PENALTIES)) as bar:
        for side in sides:
            solver = _Solver.of(train, fixed=side)
            for smoothing, penalty in itertools.product(SMOOTHINGS, PENALTIES):
                projections = solver.solve(penalty, smoothing, width=width)
                first, second = (project(each) for project, each in zip(projections, held.sides, strict=True))
                loss, scale = best_scale(first @ second.T, matches)
                found.append(Solution(projections, projections, scale, loss, penalty, smoothing, side))
                bar.update()
    best = min(found, key=lambda each: each.loss)
    whole = _Solver.of(train + validation, fixed=best.fixed).solve(best.penalty, best.smoothing, width=width)
    return replace(best, refitted=whole)


@dataclass(frozen=True)
class _Solver:
    """Both decompositions, from which the solution of each penalty follows quickly."""

    fixed: int
    means: Sequence[np.ndarray]
    deviations: Sequence[np.ndarray]
    targets: np.ndarray
    spread: tuple[np.ndarray, np.ndarray]
    basis: tuple[np.ndarray, np.ndarray]
    rotated: np.ndarray

    @classmethod
    def of(cls, features: Features, *, fixed: int) -> _Solver:
        free = 1 - fixed
        means = [each.mean(axis=0, dtype=np.float64) for each in features.sides]
        deviations = [np.ones(len(each)) for each in means]
        found = features.sides[free].std(axis=0, dtype=np.float64)
        # A feature that hardly varies is left as small as it is.
        deviations[free] = np.where(found > 1e-6 * max(found.max(), 1e-12), found, 1.0)
        centred = features.sides[fixed] - means[fixed]
        deviations[fixed] *= max(float(np.sqrt((centred**2).mean())), 1e-12)
        inputs = (features.sides[free] - means[free]) / deviations[free]
        targets = centred / deviations[fixed]
        values, vectors = _decompose(inputs)
        spread = eigh(targets.T @ targets / len(targets))
        return cls(fixed, means, deviations, targets, spread, (values, vectors), vectors.T @ (inputs.T @ targets))

    def solve(self, penalty: float, smoothing: float, *, width: int) -> tuple[Projection, Projection]:
        """The projections of both sides for a penalty of each."""
        variances, directions = self.spread
        kept = np.arange(len(variances))[-width:]
        if np.isinf(smoothing):
            whitened = directions[:, kept]
        else:
            whitened = directions[:, kept] / np.sqrt(np.maximum(variances[kept], 0) + smoothing)
        values, vectors = self.basis
        size = len(self.targets)
        kernel = vectors @ ((self.rotated @ whitened) / (values + penalty * size)[:, None])
        own = {self.fixed: whitened, 1 - self.fixed: kernel}
        first, second = (
            Projection(*(each.astype(np.float32) for each in (self.means[side], self.deviations[side], own[side])))
            for side in (0, 1)
        )
        return first, second


def _decompose(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (R,) and eigenvectors (C, R) of ``inputs.T @ inputs``, those that are not 0."""
    wide = inputs.shape[1] > len(inputs)
    values, vectors = eigh(inputs @ inputs.T if wide else inputs.T @ inputs)
    good = values > 1e-10 * max(values[-1], 1e-300)
    values, vectors = values[good], vectors[:, good]
    return values, (inputs.T @ vectors) / np.sqrt(values) if wide else vectors
