"""`Predictions`: what `Adapted.predict` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.core.tables import LARGEST, Table

MOST = 10
"""Outputs that a table shows in a column each."""


@dataclass(frozen=True, repr=False)
class Predictions:
    """Answers for some pictures or texts.

    Args:
        names: what each is called.
        labels: the answer: a label; a tuple of labels for a MultiLabel; None where there is nothing to answer.
        outputs: probabilities, or values of a regression, float32 (N, outputs); NaN where there is none.
        columns: names of the outputs.
        errors: why some could not be read, by name.
        noun: what one of them is called.
    """

    names: Sequence[str]
    labels: Sequence[Any]
    outputs: np.ndarray
    columns: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)
    noun: str = "picture"

    @property
    def probabilities(self) -> np.ndarray:
        """`outputs` of a classification."""
        return self.outputs

    def __len__(self) -> int:
        return len(self.names)

    def table(self) -> Table:
        """One row each. Of more than `MOST` labels it shows the largest probabilities; `outputs` has all."""
        rows, many = [], len(self.columns) > MOST
        for name, label, row in zip(self.names, self.labels, self.outputs, strict=True):
            shown = self.errors.get(name) if label is None else ", ".join(label) if isinstance(label, tuple) else label
            rows.append((name, shown, *([self._largest(row)] if many else map(float, row))))
        if not many:
            return Table((self.noun, "label", *self.columns), rows)
        note = f"The {LARGEST} largest of {len(self.columns):,} outputs a row. All: .outputs, named by .columns"
        return Table((self.noun, "label", "largest outputs"), rows, notes=(note,))

    def _largest(self, row: np.ndarray) -> str:
        order = [] if np.isnan(row).any() else np.argsort(-row, kind="stable")[:LARGEST].tolist()
        return ", ".join(f"{self.columns[column]} {row[column]:.3g}" for column in order)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
