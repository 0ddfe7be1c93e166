"""Arrays of numbers as an exported model takes them: as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.arrays.column import NOT_FINITE
from kzoo.data.arrays.preprocess import ArrayPreprocessor
from kzoo.data.seams import ServedInput


def serve_numbers(preprocessor: ArrayPreprocessor) -> ServedInput:
    """Examples, float32 (B, *shape), one that is not finite of which has no answer."""
    name, shape = preprocessor.modality, preprocessor.shape

    def read(examples: Tensor) -> tuple[Tensor, Tensor]:
        finite = tf.reduce_all(tf.math.is_finite(examples), axis=list(range(1, len(shape) + 1)))
        return preprocessor.fit(tf.boolean_mask(examples, finite)), tf.where(finite, "", NOT_FINITE)

    shown = ", ".join(map(str, ("B", *shape)))
    return ServedInput(
        batch=tf.TensorSpec((None, *shape), tf.float32, name=name),
        read=read,
        described=(
            f"- `serving_default`: `{name}`, float32 ({shown})",
            f"- `features`: `{name}`; returns `features`, the embedding",
        ),
    )


def sample_numbers(preprocessor: ArrayPreprocessor, examples: Sequence[np.ndarray]) -> dict[str, tuple[Batch, Batch]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: arrays; noise of the mean and deviation of the training split where there are none.
    """
    noise = np.random.default_rng(0).normal(size=(4, *preprocessor.shape))
    rows = np.stack(examples) if len(examples) else noise * preprocessor.deviation + preprocessor.mean
    inputs = rows.astype(np.float32)
    return {"serving_default": (inputs, inputs), "features": (inputs, inputs)}
