"""Showing pictures as a network gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo import figures
from kzoo.data.examples import Examples
from kzoo.data.image import Preprocessor
from kzoo.data.views import Pictures


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
    if preprocessor.modality != "image":
        raise TypeError(
            f"Only pictures can be drawn. This model reads {preprocessor}: print(adapted.evaluate().worst())."
        )
    if not len(examples):
        return figures.grid(np.zeros((0, 1, 1, 3)), [])
    pictures = Pictures(examples.columns["image"], preprocessor, digests=examples.digests, seed=seed)
    shown = [
        pictures.load(tf.constant(index, tf.int64), augmentation, [0])[0].numpy() for index in range(len(examples))
    ]
    return figures.grid(np.stack(shown), titles)
