"""Thumbnails: small JPEGs of images, for tables in notebooks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kzoo.data.image.check import open_image
from kzoo.data.image.preprocess import ImagePreprocessor

SIDE = 96
"""Pixels of the longer side, at most."""


def make_thumbnail(image: str | bytes | np.ndarray) -> bytes | None:
    """A JPEG of an image, its longer side at most `SIDE` pixels; None where the image cannot be read.

    Args:
        image: a path, an encoded image, or pixels (H, W, 1) or (H, W, 3) in 0..255.

    Example:
        >>> tf.io.decode_jpeg(make_thumbnail(np.zeros((60, 240, 3), np.uint8))).shape
        TensorShape([24, 96, 3])
    """
    reader = ImagePreprocessor(size=SIDE)
    try:
        if isinstance(image, str | bytes):
            data, reason = open_image(image)
            if reason:
                return None
            pixels = reader.decode(tf.constant(data))
        else:
            pixels = reader.colour(tf.constant(np.nan_to_num(image)))
        if (longest := max(pixels.shape[:2])) > SIDE:
            sides = [max(round(side * SIDE / longest), 1) for side in pixels.shape[:2]]
            pixels = tf.image.resize(pixels, sides, antialias=True)
        return tf.io.encode_jpeg(tf.saturate_cast(tf.round(tf.cast(pixels, tf.float32)), tf.uint8), quality=85).numpy()
    except (tf.errors.OpError, OSError, ValueError):
        return None
