"""Predictions: answers for pictures, and the forms in which pictures are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.image import SUFFIXES
from kzoo.data.tables import as_column
from kzoo.tables import Table


@dataclass(frozen=True, repr=False)
class Predictions:
    """Answers for some pictures.

    Args:
        names: what each picture is called.
        labels: the answer: a label; a tuple of labels for a MultiLabel; None where the picture could not be read.
        outputs: probabilities, or values of a regression, float32 (N, outputs); NaN where there is none.
        columns: names of the outputs.
        errors: why pictures could not be read, by name.
    """

    names: Sequence[str]
    labels: Sequence[Any]
    outputs: np.ndarray
    columns: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def probabilities(self) -> np.ndarray:
        """`outputs` of a classification."""
        return self.outputs

    def __len__(self) -> int:
        return len(self.names)

    def table(self) -> Table:
        """One row a picture."""
        rows = []
        for name, label, row in zip(self.names, self.labels, self.outputs, strict=True):
            shown = self.errors.get(name) if label is None else ", ".join(label) if isinstance(label, tuple) else label
            rows.append((name, shown, *map(float, row)))
        return Table(("picture", "label", *self.columns), rows)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def column_of(pictures: Any) -> tuple[np.ndarray, list[str]]:
    """An image column and names, of what a user has at hand."""
    if isinstance(pictures, str | Path) and Path(pictures).is_dir():
        pictures = sorted(path for path in Path(pictures).rglob("*") if path.suffix.lower() in SUFFIXES)
    if isinstance(pictures, str | bytes | Path):
        pictures = [pictures]
    if hasattr(pictures, "ndim") and pictures.ndim == 3 and pictures.shape[-1] in (1, 3):
        pictures = pictures[None]
    column = as_column(pictures)
    if not len(column):
        raise ValueError("There are no pictures to predict.")
    return column, [value if isinstance(value, str) else f"picture {index}" for index, value in enumerate(column)]
