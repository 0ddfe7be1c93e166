"""Batches of a column as the backbone takes them, read in parallel, in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.modalities import MODALITIES
from kzoo.data.pipelines import PARALLEL, untuned


def batches(column: np.ndarray, *, preprocessor: Any, batch_size: int = 64) -> tf.data.Dataset:
    """Batches of a column, in its order, as the backbone takes them: (B, S, S, C) float32, or (B, T) int32."""
    reader = MODALITIES[preprocessor.modality].reader(column, preprocessor)
    dataset = tf.data.Dataset.range(len(column)).map(
        lambda index: reader.load(index, "none", [0])[0], num_parallel_calls=PARALLEL
    )
    return untuned(dataset.batch(batch_size).map(preprocessor.scale, num_parallel_calls=PARALLEL).prefetch(2))
