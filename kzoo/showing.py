"""Showing pictures, and the spectrograms of recordings, as a network gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kzoo import figures
from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES


def show(
    examples: Examples,
    titles: Sequence[str],
    preprocessor: Any,
    *,
    augmentation: str = "none",
    seed: int = 0,
) -> Any:
    """Pictures or spectrograms with their titles, as a matplotlib figure.

    Args:
        examples: what to show.
        titles: one each.
        preprocessor: the backbone's.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; nothing is mixed.
        seed: of the augmentation.
    """
    if not len(examples):
        return figures.grid(np.zeros((0, 1, 1, 3)), [])
    modality = MODALITIES[preprocessor.modality]
    reader = modality.reader(examples.columns[modality.name], preprocessor, digests=examples.digests, seed=seed)
    return figures.grid(np.stack([reader.picture(index, augmentation) for index in range(len(examples))]), titles)
