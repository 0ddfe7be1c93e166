"""Asking: what a user has at hand, opened, with the reasons against what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kzoo.data.modalities import MODALITIES


@dataclass(frozen=True)
class Asked:
    """Inputs that were opened.

    Args:
        column: the inputs.
        names: what each is called.
        errors: why some cannot be read, by index.
        noun: what one is called.
    """

    column: np.ndarray
    names: Sequence[str]
    errors: Mapping[int, str]
    noun: str

    @property
    def good(self) -> list[int]:
        """Indices of those that can be read."""
        return [index for index in range(len(self.column)) if index not in self.errors]

    @property
    def reasons(self) -> dict[str, str]:
        """Why some cannot be read, by name."""
        return {self.names[index]: why for index, why in self.errors.items()}

    def fill(self, function: Callable[[np.ndarray], np.ndarray], width: int) -> np.ndarray:
        """A row of `function` for each input, float32 (N, width); NaN for what cannot be read."""
        rows = np.full((len(self.column), width), np.nan, np.float32)
        if self.good:
            rows[self.good] = function(self.column[self.good])
        return rows


def ask(modality: str, inputs: Any) -> Asked:
    """Opens inputs of any form that a modality has.

    Raises:
        ValueError: there are none.
    """
    reads = MODALITIES[modality]
    column, names = reads.ask(inputs)
    if not len(column):
        raise ValueError(f"There are no {reads.noun}s to look at.")
    checked = reads.check(column)
    return Asked(checked.column, names, checked.reasons, reads.noun)
