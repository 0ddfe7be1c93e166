"""What is learned of each column of a table, from training rows alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.data.row.cells import kind_of, strays
from kzoo.data.row.dates import days_of

MOST_CATEGORIES = 250
"""Categories of a column that have an embedding of their own; the others share one."""

RARE = 1
"""Training rows up to which a category shares the embedding of the others, which is learned from such."""

DIFFERENT = 0.5
"""Share of different texts from which on a column of many tells single rows apart, and is not used."""

FEW = 20
"""Different texts up to which a column is one of categories in any case."""

LARGEST = 3e38
"""Numbers from which on float32 overflows: they are missing."""

NUMBER, CATEGORY, DATE, UNUSED = "number", "category", "date", "unused"


@dataclass(frozen=True)
class RowColumn:
    """A column of the training rows.

    Args:
        name: of the column.
        kind: ``"number"``, ``"category"``, ``"date"`` or ``"unused"``.
        center: median of its numbers, or of its days since 1970.
        spread: interquartile range of these, or what stands for it; above 0.
        gaps: whether any value is missing in training: the network then sees which are.
        clock: whether any of its dates has a time of day.
        vocabulary: its categories that have an embedding each.
        absent: whether rows may lack it, because the table that a pretrained backbone was adapted to does.
    """

    name: str
    kind: str
    center: float = 0.0
    spread: float = 1.0
    gaps: bool = False
    clock: bool = False
    vocabulary: tuple[str, ...] = ()
    absent: bool = False

    @property
    def numbers(self) -> int:
        """How many numbers the network gets of it."""
        if self.kind == DATE:
            return 5 + 2 * self.clock + self.gaps
        return 1 + self.gaps if self.kind == NUMBER else 0

    @property
    def categories(self) -> int:
        """How many indices it has: one for all other categories, one each, and one for missing where there are gaps."""
        return 1 + len(self.vocabulary) + self.gaps if self.kind == CATEGORY else 0


def fit_column(name: str, cells: Sequence[str]) -> tuple[RowColumn, str]:
    """What the training cells of a column say of it, and a note on why it is not used, or "".

    Args:
        name: of the column.
        cells: texts; "" for a missing one.
    """
    kind = kind_of(cells)
    lost = set(strays(cells, kind))
    present = [cell for place, cell in enumerate(cells) if cell and place not in lost]
    gaps, distinct = len(present) < len(cells), len(set(present))
    if not present:
        return RowColumn(name, UNUSED), f"column {name!r} is not used: it has no values"
    if distinct == 1 and not gaps:
        return RowColumn(name, UNUSED), f"column {name!r} is not used: all values are {present[0][:40]!r}"
    if kind == NUMBER:
        values = np.array([float(cell) for cell in present])
        values = values[np.abs(values) < LARGEST]
        if not len(values):
            return RowColumn(name, UNUSED), f"column {name!r} is not used: its numbers are too large"
        if _counts_rows(name, values):
            return RowColumn(name, UNUSED), f"column {name!r} is not used: it numbers the rows"
        return RowColumn(name, NUMBER, *_scale(values), gaps), ""
    if kind == DATE:
        days = np.array([days_of(cell) for cell in present])
        clock = any(len(cell) > 10 and cell[11:19].strip("0:Z+-") != "" for cell in present)
        return RowColumn(name, DATE, *_scale(days), gaps, clock), ""
    if distinct > FEW and distinct > DIFFERENT * len(present):
        return RowColumn(name, UNUSED), (
            f"column {name!r} is not used: it has {distinct:,} different texts in {len(present):,} rows"
        )
    counts = Counter(present)
    often = [word for word, count in counts.most_common(MOST_CATEGORIES) if count > RARE]
    return RowColumn(name, CATEGORY, gaps=gaps, vocabulary=tuple(sorted(often))), ""


def _scale(values: np.ndarray) -> tuple[float, float]:
    """Median and interquartile range; half of the whole range where that is 0, as RealMLP (arXiv:2407.04491) does."""
    low, center, high = (float(each) for each in np.quantile(values, (0.25, 0.5, 0.75)))
    spread = high - low or float(np.ptp(values)) / 2
    return center, spread if math.isfinite(spread) and spread > 0 else 1.0


def _counts_rows(name: str, values: np.ndarray) -> bool:
    """Whether a column is called an id, and all its values are different whole numbers."""
    called = name.lower().replace(" ", "_")
    named = called in ("id", "index", "unnamed:_0", "row") or called.endswith(("_id", "rowid", "passengerid"))
    return named and len(set(values.tolist())) == len(values) > FEW and bool(np.all(values == np.round(values)))
