"""Series as an exported model takes them: of any length, NaN where nothing is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.seams import ServedInput
from kzoo.data.series.preprocess import SeriesPreprocessor

NO_VALUE = "a series without any value"
"""Why a series has no answer."""


def serve_series(preprocessor: SeriesPreprocessor) -> ServedInput:
    """Series, float32 (B, T, features) of any T, shorter ones padded with NaN at their end."""

    def has_value(series: Tensor) -> Tensor:
        return tf.reduce_any(tf.math.is_finite(series), axis=[1, 2])

    def read(series: Tensor) -> tuple[Tensor, Tensor]:
        there = has_value(series)
        return preprocessor.fit(tf.boolean_mask(series, there)), tf.where(there, "", NO_VALUE)

    return ServedInput(
        batch=tf.TensorSpec((None, None, preprocessor.features), tf.float32, name="series"),
        read=read,
        present=has_value,
        described=(
            f"- `serving_default`: `series`, float32 (B, T, {preprocessor.features}), of any T; NaN for a missing "
            "value, and after the end of a shorter series",
            "- `features`: `series`; returns `features`, the embedding",
        ),
    )


def sample_series(preprocessor: SeriesPreprocessor, examples: Sequence[np.ndarray]) -> dict[str, tuple[Batch, Batch]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: series; noise of the mean and deviation of training where there are none.
    """
    noise = np.random.default_rng(0).normal(size=(4, preprocessor.length, preprocessor.features))
    series = list(examples) or list(noise * preprocessor.deviation + preprocessor.mean)
    batch = np.full((len(series), max(map(len, series)), preprocessor.features), np.nan, np.float32)
    for row, each in enumerate(series):
        batch[row, : len(each)] = each
    return dict.fromkeys(("serving_default", "features"), (batch, batch))
