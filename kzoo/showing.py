"""Showing pictures as a network gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kzoo import figures
from kzoo.data.batches import view
from kzoo.data.examples import Examples
from kzoo.data.image import Preprocessor


def show(
    examples: Examples,
    titles: Sequence[str],
    preprocessor: Preprocessor,
    *,
    augmentation: str = "none",
    seed: int = 0,
) -> Any:
    """Pictures with their titles, as a matplotlib figure.

    Args:
        examples: what to show.
        titles: one each.
        preprocessor: the backbone's.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; nothing is mixed.
        seed: of the augmentation.
    """
    if not len(examples):
        return figures.grid(np.zeros((0, 1, 1, 3)), [])
    numbers = np.arange(len(examples), dtype=np.float32)[:, None]
    batch = view(
        examples.columns["image"],
        numbers,
        preprocessor=preprocessor,
        augmentation=augmentation,
        seed=seed,
        mixable=False,
        batch_size=len(examples),
        scaled=False,
    )
    pictures, order = next(iter(batch))
    # A view has an order of its own: back to that of the titles.
    return figures.grid(pictures.numpy()[np.argsort(order.numpy()[:, 0])], titles)
