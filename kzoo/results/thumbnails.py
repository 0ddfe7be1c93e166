"""Thumbnails of inputs, made when a notebook shows a table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from kzoo.data.modalities import MODALITIES


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """A small JPEG of each value of a column, made when it is asked for.

    Args:
        column: of inputs or examples.
        make: from a value to an encoded image, or to None where there is none to show.
    """

    column: np.ndarray
    make: Callable[[object], bytes | None]

    def __call__(self, index: int) -> bytes | None:
        """That of the value with this index."""
        return self.make(self.column[index])

    def take(self, places: slice) -> Thumbnails:
        """Those of some places."""
        return replace(self, column=self.column[places])


def thumbnails_of(column: np.ndarray, modality: str) -> Thumbnails | None:
    """Thumbnails of a column; None for a modality whose inputs are no images."""
    make = MODALITIES[modality].thumbnail
    return Thumbnails(column, make) if make else None
