"""Novelty: inputs that are far from everything in training, by the k-NN distance of their embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEIGHBORS = 5
"""The distance to this nearest training example counts, as in Sun et al. 2022 (arXiv:2204.06507)."""

QUANTILE = 0.99
"""Share of the validation examples that are not unusual."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """What is unusual for a model, by the distance to its training examples.

    Args:
        known: embeddings of unit length of training examples, float32 (N, width).
        k: which neighbor's distance counts.
        threshold: distances above it are unusual.
        source: the examples that the threshold is from.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> near = rng.normal(size=(200, 8)).astype(np.float32) + 5
        >>> near /= np.linalg.norm(near, axis=1, keepdims=True)
        >>> novelty = fit_novelty(near[:100], near[100:])
        >>> novelty.is_unusual(np.stack([near[0], -near[0]])).tolist()
        [False, True]
    """

    known: np.ndarray
    k: int
    threshold: float
    source: str

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Distances 1 - cosine to the k-th nearest training example, float (N,) in [0, 2].

        Args:
            embeddings: of unit length, as `kzoo.Adapted.embed` gives them, float32 (N, width); a row of NaN, of what
                could not be read, gives NaN.
        """
        return _distances(self.known, embeddings, self.k)

    def is_unusual(self, embeddings: np.ndarray) -> np.ndarray:
        """Whether inputs are unlike anything in training, bool (N,); `embeddings` as of `distances`."""
        return self.distances(embeddings) > self.threshold


def fit_novelty(train: np.ndarray, validation: np.ndarray) -> Novelty:
    """The threshold under which `QUANTILE` of the validation examples lie, or of the training examples without these.

    Args:
        train: embeddings of unit length, float32 (N, width), N of 2 or more.
        validation: the same, (M, width); M may be 0.
    """
    k = min(NEIGHBORS, len(train) - 1)
    if len(validation):
        distances, source = _distances(train, validation, k), "validation"
    else:
        # The nearest example of each is itself.
        distances, source = _distances(train, train, k + 1), "training"
    return Novelty(train, k, float(np.quantile(distances, QUANTILE, method="higher")), source)


def _distances(known: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    found = np.full(len(asked), np.nan)
    good = np.isfinite(asked).all(axis=1)
    if good.any():
        search = NearestNeighbors(n_neighbors=k, metric="cosine").fit(known)
        found[good] = search.kneighbors(asked[good])[0][:, -1]
    return found
