"""Retrieval: how often the nearest candidates of a query hold its partner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.core.intervals import Metric, hit_rate
from kzoo.core.tables import Table
from kzoo.results.alignment.similarity import best_ranks

AT = (1, 5, 10)
"""Numbers of nearest candidates for which recall is told."""


@dataclass(frozen=True, repr=False)
class Direction:
    """Retrieval of one side by the other.

    Args:
        ranks: of the first right candidate of each query, from 1, int64 (Q,).
        candidates: number of different contents that are searched.
        chance: of each query, the share of candidates that are right, float64 (Q,).
    """

    ranks: np.ndarray
    candidates: int
    chance: np.ndarray

    def recall(self, k: int) -> Metric:
        """The share of queries that have a right candidate among the `k` nearest, with a 95% interval."""
        return hit_rate(self.ranks <= k)

    def chance_of(self, k: int) -> float:
        """What random ranks would reach: drawn with replacement, which is a little less than without."""
        return float(np.mean(1 - (1 - self.chance) ** min(k, self.candidates)))

    @property
    def median_rank(self) -> float:
        """The median of the ranks."""
        return float(np.median(self.ranks))


@dataclass(frozen=True, repr=False)
class Retrieval:
    """Retrieval both ways, on pairs that training has not seen.

    Args:
        directions: by names of query and candidates, such as ``("caption", "photo")``.
        pairs: number of pairs.
        notes: for the reader.
    """

    directions: Mapping[tuple[str, str], Direction]
    pairs: int
    notes: Sequence[str] = ()

    def __getitem__(self, names: tuple[str, str]) -> Direction:
        return self.directions[names]

    def table(self) -> Table:
        """One row a direction."""
        columns = ("query", "searched", *(f"recall@{k}" for k in AT), "chance@1", "median rank", "candidates")
        rows = [
            (
                query,
                searched,
                *(str(found.recall(k)) for k in AT),
                found.chance_of(1),
                f"{found.median_rank:g}",
                found.candidates,
            )
            for (query, searched), found in self.directions.items()
        ]
        return Table(columns, rows, title=f"Retrieval among {self.pairs:,} pairs", notes=self.notes)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def measure_retrieval(
    names: Sequence[str], embeddings: Sequence[np.ndarray], contents: Sequence[np.ndarray], *, notes: Sequence[str] = ()
) -> Retrieval:
    """Retrieval both ways. Equal contents are one query and one candidate; each partner of one is right.

    Args:
        names: of both sides.
        embeddings: of unit length, float32 (N, width) each.
        contents: number of the content of each input, int64 (N,) each.
        notes: for the reader.
    """
    directions = {}
    for query, searched in ((0, 1), (1, 0)):
        asked, first = np.unique(contents[query], return_index=True)
        offered, other = np.unique(contents[searched], return_index=True)
        matches = np.zeros((len(asked), len(offered)), bool)
        matches[np.searchsorted(asked, contents[query]), np.searchsorted(offered, contents[searched])] = True
        cosines = embeddings[query][first] @ embeddings[searched][other].T
        found = Direction(best_ranks(cosines, matches), len(offered), matches.mean(axis=1))
        directions[names[query], names[searched]] = found
    return Retrieval(directions, len(contents[0]), notes)


@dataclass(frozen=True, repr=False)
class Found:
    """For each query, the nearest of what was searched, the nearest first.

    Args:
        queries: their names.
        found: names of what was found, (N, k).
        similarities: cosines, float32 (N, k) in [-1, 1].
        indices: places in what was searched, int64 (N, k).
        columns: what a query and what was searched are called.
    """

    queries: Sequence[str]
    found: Sequence[Sequence[str]]
    similarities: np.ndarray
    indices: np.ndarray
    columns: tuple[str, str]

    def __len__(self) -> int:
        return len(self.queries)

    def table(self) -> Table:
        """One row for each that was found."""
        rows = [
            (query, rank + 1, name, float(self.similarities[number, rank]))
            for number, query in enumerate(self.queries)
            for rank, name in enumerate(self.found[number])
        ]
        query, searched = self.columns
        return Table((query, "rank", searched, "similarity"), rows)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
