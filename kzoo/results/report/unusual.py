"""Unusual inputs: those that are far from everything in training, by the k-NN distance of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.results.report.known_examples import KnownExamples
from kzoo.results.report.shown import Shown, show_examples

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

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


@dataclass(frozen=True)
class UnusualExamples:
    """Test examples that are unlike anything in training.

    Args:
        novelty: what tells them.
        names: of the examples, the most unusual first.
        distances: of these.
        share: of the test examples that they are.
        shown: the first of them.
    """

    novelty: Novelty
    names: Sequence[str]
    distances: Sequence[float]
    share: float
    shown: Sequence[Shown]

    def table(self) -> Table:
        """One row an example."""
        return Table(("example", "distance"), list(zip(self.names, self.distances, strict=True)))


def find_unusual(adapted: Adapted, known: KnownExamples, test: Examples) -> UnusualExamples | None:
    """The test examples that are unlike anything in training; None with fewer than two training examples."""
    if known.trained < 2:
        return None
    modality = adapted.preprocessor.modality
    novelty = fit_novelty(known.embeddings[: known.trained], known.embeddings[known.validation])
    distances = novelty.distances(adapted.inference.embeddings(test.columns[modality]))
    order = np.argsort(-distances, kind="stable")
    order = order[distances[order] > novelty.threshold]
    captions = [(f"distance {value:.3f}",) for value in distances[order]]
    shown = show_examples(test, order, captions, modality=modality)
    names = [str(test.names[int(place)]) for place in order]
    return UnusualExamples(novelty, names, distances[order].tolist(), len(order) / len(test), shown)


def _distances(known: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    found = np.full(len(asked), np.nan)
    good = np.isfinite(asked).all(axis=1)
    if good.any():
        search = NearestNeighbors(n_neighbors=k, metric="cosine").fit(known)
        found[good] = search.kneighbors(asked[good])[0][:, -1]
    return found
