"""Large decoded images are downscaled a few rows at a time, in little memory."""

from __future__ import annotations

import tensorflow as tf

from kzoo.core.tensors import Tensor

LARGE = 4_000_000
"""Pixels of an image, with the bars that it gets, above which it is reduced before anything else."""


def reduce_large(image: Tensor, *, size: int, resize: str) -> Tensor:
    """An image, uint8 (H, W, C), as it is, or, above `LARGE` pixels, with sides divided by whole numbers.

    Each pixel is then the mean of those it stands for. At least twice the detail that the result shows is left.

    Args:
        image: uint8 (H, W, C).
        size: height and width that it is brought to later, pixels.
        resize: one of `kzoo.data.image.preprocess.RESIZES`, which decides the relevant side.
    """
    shape = tf.cast(tf.shape(image)[:2], tf.int64)
    sides = {"crop": tf.reduce_min(shape), "pad": tf.reduce_max(shape)}
    counted = tf.fill((2,), sides[resize]) if resize in sides else shape
    factors = tf.minimum(tf.maximum(counted // (2 * size), 1), shape)
    framed = tf.square(sides["pad"]) if resize == "pad" else tf.reduce_prod(shape)
    large = (framed > LARGE) & (tf.reduce_max(factors) > 1)
    reduced = tf.cond(large, lambda: _means(image, tf.cast(factors, tf.int32)), lambda: image)
    return tf.ensure_shape(reduced, (None, None, image.shape[-1]))


def _means(image: Tensor, factors: Tensor) -> Tensor:
    """Means of blocks of so many rows and columns; what is left over is dropped, half of it on each side."""
    height, width, channels = tf.shape(image)[0], tf.shape(image)[1], image.shape[-1]
    rows, columns = height // factors[0], width // factors[1]
    top, left = (height - rows * factors[0]) // 2, (width - columns * factors[1]) // 2
    # For very tall blocks a sample of the rows is enough.
    stride = tf.maximum(factors[0] * width // LARGE, 1)

    def row(number: Tensor) -> Tensor:
        start = top + number * factors[0]
        part = image[start : start + factors[0] : stride, left : left + columns * factors[1]]
        means = tf.reduce_mean(tf.cast(part, tf.float32), axis=0)
        means = tf.reduce_mean(tf.reshape(means, (columns, factors[1], channels)), axis=1)
        return tf.cast(tf.round(means), tf.uint8)

    spec = tf.TensorSpec((None, channels), tf.uint8)
    return tf.map_fn(row, tf.range(rows), fn_output_signature=spec, parallel_iterations=1)
