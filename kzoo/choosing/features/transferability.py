"""Transferability scores: numbers that features and targets give without training.

LogME is the log of the maximum evidence of a Bayesian linear model (You et al. 2021, arXiv:2102.11005). The H-score is
the trace of cov(f)^-1 cov(E[f | y]) (Bao et al. 2019, arXiv:2212.10082).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

MOST_EXAMPLES = 1000
"""Examples on which both scores are taken, at most: they cost the cube of it."""

PER_DIRECTION = 10
"""Examples for each direction of the features on which the H-score is taken. With as many directions as examples every
model would have the largest score that there is, the number of classes less 1."""


@dataclass(frozen=True)
class Spectrum:
    """The singular value decomposition of features, without their right side.

    Args:
        left: left singular vectors, float64 (N, R), of the largest value first.
        squares: squared singular values, float64 (R,).
        width: columns of the features.
    """

    left: np.ndarray
    squares: np.ndarray
    width: int


def decompose(features: np.ndarray) -> Spectrum:
    """The spectrum of features (N, C), by the eigenvalues of the smaller Gram matrix."""
    features = features.astype(np.float64)
    size, width = features.shape
    gram = features @ features.T if size <= width else features.T @ features
    values, vectors = np.linalg.eigh(gram)
    kept = values > max(values[-1], 0) * 1e-12
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    left = vectors if size <= width else features @ vectors / np.sqrt(values)
    return Spectrum(left, values, width)


def log_me(spectrum: Spectrum, targets: np.ndarray, *, steps: int = 100) -> float:
    """LogME: the largest log evidence of a linear model of the features, by example, the mean over the outputs.

    The evidence is the density of a target under N(0, I / beta + F F' / alpha); alpha and beta are found by MacKay's
    fixed point.

    Args:
        spectrum: of features F (N, C), as they are.
        targets: (N, outputs), one-hot or values.
        steps: of the fixed point, at most.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> features, noise = rng.normal(size=(2, 100, 5))
        >>> told, untold = features[:, :1] > 0, noise[:, :1] > 0
        >>> spectrum = decompose(features)
        >>> log_me(spectrum, told) > log_me(spectrum, untold)
        True
    """
    evidences = [_evidence(spectrum, column.astype(np.float64), steps) for column in targets.T]
    return float(np.mean(evidences))


def _evidence(spectrum: Spectrum, target: np.ndarray, steps: int) -> float:
    size, squares = len(target), spectrum.squares
    along = (spectrum.left.T @ target) ** 2
    outside = max(float(target @ target - along.sum()), 0.0)
    alpha = beta = 1.0
    for _ in range(steps):
        before = alpha / beta
        shrunk = alpha + beta * squares
        gamma = float((beta * squares / shrunk).sum())
        weights = float((beta**2 * squares * along / shrunk**2).sum())
        residual = float((alpha**2 * along / shrunk**2).sum()) + outside
        alpha, beta = gamma / max(weights, 1e-12), (size - gamma) / max(residual, 1e-12)
        if abs(alpha / beta - before) <= 1e-6 * before:
            break
    # The density under N(0, I / beta + F F' / alpha), in the coordinates of the left singular vectors.
    variances = 1 / beta + squares / alpha
    logs = float(np.log(variances).sum()) - (size - len(squares)) * np.log(beta)
    distance = float((along / variances).sum()) + beta * outside
    return -0.5 * (size * np.log(2 * np.pi) + logs + distance) / size


def h_score(spectrum: Spectrum, targets: np.ndarray) -> float:
    """The H-score: how much of the targets' variation lies along the features, from 0 to the rank of the targets.

    For one-hot targets E[f | y] is linear in them, so that the score is the sum of squared canonical correlations of
    features and targets; in this form it is also there for values and for several labels.

    Args:
        spectrum: of features (N, C), as they are, or of their main directions.
        targets: (N, outputs), one-hot or values.

    Example:
        >>> features = np.asarray([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 2.0]])
        >>> round(h_score(decompose(features), np.eye(2)[[0, 0, 1, 1]]), 6)
        1.0
    """
    size = len(targets)
    centred = targets - targets.mean(axis=0)
    basis, values, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    basis = basis[:, values > max(values[0], 0) * 1e-9] if len(values) else basis
    # Centred features span what the features and a constant span, less the constant, to which `basis` is orthogonal.
    constant = np.full(size, size**-0.5)
    constant -= spectrum.left @ (spectrum.left.T @ constant)
    length = float(np.linalg.norm(constant))
    score = float(((spectrum.left.T @ basis) ** 2).sum())
    if length > 1e-6:
        score += float(((constant / length @ basis) ** 2).sum())
    return score


def transferability(features: np.ndarray, targets: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """LogME and H-score of at most `MOST_EXAMPLES` examples.

    Args:
        features: float (N, C).
        targets: (N, outputs), one-hot or values.
        seed: which examples are taken.
    """
    if len(features) > MOST_EXAMPLES:
        rows = np.sort(np.random.default_rng(seed).choice(len(features), MOST_EXAMPLES, replace=False))
        features, targets = features[rows], targets[rows]
    # A decomposition of this size is no faster on several threads, and takes all of them.
    with threadpool_limits(1):
        spectrum = decompose(features)
    most = max(len(features) // PER_DIRECTION, 1)
    main = Spectrum(spectrum.left[:, :most], spectrum.squares[:most], min(most, spectrum.width))
    return log_me(spectrum, targets), h_score(main, targets)
