"""TF-IDF of token ids as sparse matrices: what `kzoo.models.zoo.tfidf.TfidfEmbedding` computes, before its table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack


def count_terms(batches: Iterable[np.ndarray], *, buckets: int) -> csr_matrix:
    """Sublinear term frequencies, 1 + log of the count, float64 (N, buckets).

    Args:
        batches: token ids, int (B, T) each; 0 is padding.
        buckets: number of ids.

    Example:
        >>> count_terms([np.array([[3, 3, 1], [2, 0, 0]])], buckets=4).toarray().round(3).tolist()
        [[0.0, 1.0, 0.0, 1.693], [0.0, 0.0, 1.0, 0.0]]
    """
    parts = []
    for ids in batches:
        there = ids > 0
        ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        indices = ids[there]
        part = csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(ids), buckets))
        part.sum_duplicates()
        part.data = 1 + np.log(part.data)
        parts.append(part)
    return vstack(parts, format="csr") if parts else csr_matrix((0, buckets))


def measure_idf(terms: csr_matrix) -> np.ndarray:
    """Inverse document frequencies, smoothed as scikit-learn's, float64 (buckets,); 0 where no text has the term."""
    texts, holding = terms.shape[0], np.bincount(terms.indices, minlength=terms.shape[1])
    return np.where(holding > 0, np.log((1 + texts) / (1 + holding)) + 1, 0.0)


@dataclass(frozen=True)
class SparseDesign:
    """From term frequencies to TF-IDF, of those terms alone whose `idf` is not 0.

    Args:
        idf: float64 (buckets,). The terms below ``buckets / 2`` are one block, the others another; each block of a text
            is scaled to unit length.
    """

    idf: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """The terms that are columns, in order, int64 (C,)."""
        return np.flatnonzero(self.idf)

    def __call__(self, terms: csr_matrix) -> csr_matrix:
        """TF-IDF, float64 (N, C), of term frequencies (N, buckets)."""
        rows = np.repeat(np.arange(terms.shape[0]), np.diff(terms.indptr))
        kept = self.idf[terms.indices] > 0
        rows, indices = rows[kept], terms.indices[kept]
        values = terms.data[kept] * self.idf[indices]
        blocks = 2 * rows + (indices >= len(self.idf) // 2)
        lengths = np.sqrt(np.bincount(blocks, weights=values**2, minlength=2 * terms.shape[0]))
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=terms.shape[0]))])
        columns = np.cumsum(self.idf > 0) - 1
        shape = terms.shape[0], len(self.used)
        return csr_matrix((values / lengths[blocks], columns[indices], ends), shape=shape)


BLOCKS = {"words and pieces": (True, True), "words": (True, False), "pieces": (False, True)}
"""What terms a design may have: those of the lower, and of the upper half of the ids."""


def design_of(terms: csr_matrix, blocks: str) -> SparseDesign:
    """The design that some texts give rise to.

    Args:
        terms: of the texts, see `count_terms`.
        blocks: a key of `BLOCKS`.
    """
    half = terms.shape[1] // 2
    lower, upper = BLOCKS[blocks]
    idf = measure_idf(terms)
    return SparseDesign(np.concatenate([idf[:half] * lower, idf[half:] * upper]))
