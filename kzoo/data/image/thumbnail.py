"""Images as tables and reports show and describe them: small JPEGs, and attributes that divide them into slices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kzoo.data.image.check import open_image
from kzoo.data.image.headers import size_of
from kzoo.data.image.preprocess import ImagePreprocessor

SIDE = 96
"""Pixels of the longer side, at most."""

SMALL = 32
"""Pixels of the shorter side from which on a JPEG is decoded at a fraction of its size: its mean hardly changes."""

_NAMES = ("width", "height", "aspect ratio", "brightness", "contrast")


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


def describe_images(column: np.ndarray) -> dict[str, np.ndarray]:
    """Width and height in pixels, width / height, brightness (mean) and contrast (deviation) of grey values in 0..255.

    Args:
        column: an object array (N,) of paths and encoded images, or pixels (N, H, W, C) in 0..255.

    Returns:
        float64 (N,) each; NaN for an image that cannot be read.

    Example:
        >>> found = describe_images(np.full((1, 10, 20, 3), 128, np.uint8))
        >>> {name: values.tolist() for name, values in found.items()}["brightness"]
        [128.0]
    """
    with ThreadPoolExecutor() as pool:
        rows = np.asarray(list(pool.map(_describe, column)), np.float64).reshape(-1, len(_NAMES))
    return dict(zip(_NAMES, rows.T, strict=True))


def _describe(image: str | bytes | np.ndarray) -> tuple[float, ...]:
    unknown = (np.nan,) * len(_NAMES)
    if isinstance(image, str | bytes):
        data, reason = open_image(image)
        if reason:
            return unknown
        try:
            pixels = ImagePreprocessor(size=SMALL).decode(tf.constant(data)).numpy()
        except tf.errors.OpError:
            return unknown
        width, height = size_of(data)
        if (width > height) != (pixels.shape[1] > pixels.shape[0]):  # its EXIF tag turns it
            width, height = height, width
    else:
        pixels, (height, width) = image, image.shape[:2]
    grey = np.asarray(pixels, np.float64).mean(axis=-1)
    return width, height, width / height, float(grey.mean()), float(grey.std())


def image_excerpt(image: str | bytes | np.ndarray) -> tuple[str, bytes] | None:
    """A small JPEG of an image; None where it cannot be read."""
    found = make_thumbnail(image)
    return ("image/jpeg", found) if found else None
