"""Nearest neighbors by a backbone's embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.results.plots import title_targets
from kzoo.specs.records.seen import Seen

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


@dataclass(frozen=True, repr=False)
class Neighbors:
    """For each of some inputs, the nearest of a labelled set, the nearest first.

    Args:
        names: of the inputs.
        found: names of their neighbors, (N, k).
        labels: of these, (N, k).
        similarities: cosines of the angles between embeddings, float32 (N, k) in [-1, 1].
        indices: places of the neighbors in the labelled set, int (N, k).
        noun: what an input is called.
    """

    names: Sequence[str]
    found: Sequence[Sequence[str]]
    labels: Sequence[Sequence[str]]
    similarities: np.ndarray
    indices: np.ndarray
    noun: str

    def __len__(self) -> int:
        return len(self.names)

    def table(self) -> Table:
        """One row a neighbor."""
        rows = [
            (name, rank + 1, self.labels[number][rank], float(self.similarities[number, rank]), found)
            for number, name in enumerate(self.names)
            for rank, found in enumerate(self.found[number])
        ]
        return Table((self.noun, "rank", "label", "similarity", "neighbor"), rows)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def search(
    asked: np.ndarray,
    known: np.ndarray,
    *,
    names: Sequence[str],
    of: Examples,
    titles: Sequence[str],
    k: int,
    noun: str,
) -> Neighbors:
    """The nearest of `known`, exactly, by the cosine of their angle.

    Args:
        asked: embeddings, float32 (N, width), of unit length.
        known: the same of the labelled set, (M, width).
        names: of what is asked.
        of: the labelled set, whose ``names`` are shown.
        titles: its labels, M.
        k: how many.
        noun: what an input is called.

    Raises:
        ValueError: `k` is not in 1..M.
    """
    if not 1 <= k <= len(known):
        raise ValueError(f"k must be in 1..{len(known)}, the size of the labelled set. Got {k}.")
    angles, indices = NearestNeighbors(n_neighbors=k, metric="cosine").fit(known).kneighbors(asked)
    found = [[str(of.names[place]) for place in row] for row in indices.tolist()]
    labels = [[titles[int(place)] for place in row] for row in indices.tolist()]
    return Neighbors(list(names), found, labels, (1 - angles).astype(np.float32), indices, noun)


def find_neighbors(adapted: Adapted, inputs: object, k: int, *, among: object) -> Neighbors:
    """The neighbors of some inputs; see `kzoo.results.adapted.Adapted.neighbors`."""
    asked = adapted.inference.ask_embeddings(inputs)
    if among is None:
        known, embedded = adapted.splits().train, adapted.train_embeddings
    else:
        known, _ = adapted.labelled(among, seen=Seen())
        embedded = adapted.inference.embeddings(known.columns[adapted.preprocessor.modality])
    names = [asked.names[index] for index in asked.good]
    if not names:
        raise ValueError(f"None of the inputs can be read: {asked.reasons}")
    titles = title_targets(adapted.kind, known.targets, labels=adapted.labels)
    return search(asked.rows[asked.good], embedded, names=names, of=known, titles=titles, k=k, noun=asked.noun)
