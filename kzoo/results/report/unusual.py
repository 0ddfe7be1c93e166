"""Test examples that are far from everything in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.evaluation.novelty import Novelty, fit_novelty
from kzoo.results.report.known_examples import KnownExamples
from kzoo.results.report.shown import Shown, show_examples

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


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
