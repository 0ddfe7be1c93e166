"""Tables of scores by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kzoo.core.tables import Table


def label_table(scores: Sequence[np.ndarray], labels: Sequence[str]) -> Table:
    """Precision, recall, F1 and number of examples of each label.

    Args:
        scores: of `sklearn.metrics.precision_recall_fscore_support`, by label.
        labels: their names.
    """
    rows = [
        (label, *map(float, row[:3]), int(row[3])) for label, row in zip(labels, np.stack(scores, axis=1), strict=True)
    ]
    return Table(("label", "precision", "recall", "F1", "examples"), rows)
