"""Similarities of the embeddings of pairs: contrastive loss and ranks, where several partners may be right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCALES = np.geomspace(2, 100, 18)
"""Factors of the cosines among which the best is chosen; the upper end is that of CLIP (arXiv:2103.00020)."""


def numbers_of(digests: Sequence[str]) -> np.ndarray:
    """The number of each content, int64 (N,): equal contents have the same."""
    return np.unique(np.asarray(digests, dtype=str), return_inverse=True)[1]


def matches_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which inputs belong together, bool (N, N): those of a pair, and those of pairs with a common content.

    Args:
        first: number of the content of the first input of each pair, (N,).
        second: the same of the second input.
    """
    return (first[:, None] == first[None]) | (second[:, None] == second[None])


def contrastive_loss(cosines: np.ndarray, matches: np.ndarray, scale: float) -> float:
    """The loss of CLIP (arXiv:2103.00020) in nats, the mean over both directions.

    Each input should be nearer to its partner than to all others; of several that belong to it any will do.

    Args:
        cosines: float (N, N), of the first inputs with the second ones.
        matches: see `matches_of`.
        scale: factor of the cosines.
    """
    # Cosines are at most 1 and scales at most 100, so that no sum overflows or comes to 0.
    near = np.exp(scale * (cosines.astype(np.float64) - 1))
    right = near * matches
    shares = [right.sum(axis=axis) / near.sum(axis=axis) for axis in (0, 1)]
    return float(-np.mean([np.log(each).mean() for each in shares]))


def best_scale(cosines: np.ndarray, matches: np.ndarray) -> tuple[float, float]:
    """The lowest loss among `SCALES`, and its scale."""
    return min((contrastive_loss(cosines, matches, scale), float(scale)) for scale in SCALES)


def best_ranks(cosines: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """The rank of the first right candidate of each query, from 1, int64 (Q,).

    Candidates that are as near as the right one count as nearer, so that equal embeddings gain nothing.

    Args:
        cosines: of queries with candidates, float (Q, C).
        matches: which candidates are right, bool (Q, C), one or more each.
    """
    right = np.where(matches, cosines, -np.inf).max(axis=1)
    return 1 + ((cosines >= right[:, None]) & ~matches).sum(axis=1)
