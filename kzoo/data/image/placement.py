"""Where the network's view of an image lies in it, and an image to draw on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.data.image.check import open_image
from kzoo.data.image.preprocess import ImagePreprocessor

SIDE = 512
"""Pixels of the longer side of an image to draw on, at most."""

WHOLE = 1 << 14
"""Size of a preprocessor that decodes images without making them smaller."""


@dataclass(frozen=True)
class Original:
    """An image to draw on, which needs no file any more.

    Args:
        jpeg: the image, its longer side at most `SIDE` pixels.
        height, width: of the image itself, pixels, upright.
    """

    jpeg: bytes
    height: int
    width: int

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (h, w, 3), the longer side at most `SIDE`."""
        return tf.io.decode_jpeg(self.jpeg, channels=3).numpy()


def open_original(image: str | bytes | np.ndarray) -> Original:
    """An image of a column: a path, an encoded image, or pixels (H, W, 1) or (H, W, 3) in 0..255.

    Raises:
        OSError: it cannot be read any more.
    """
    reader = ImagePreprocessor(size=WHOLE)
    if isinstance(image, str | bytes):
        data, reason = open_image(image)
        if reason:
            raise OSError(f"{image if isinstance(image, str) else 'An image'} cannot be read any more: {reason}")
        pixels = reader.decode(tf.constant(data))
    else:
        pixels = reader.colour(tf.constant(image))
    height, width = map(int, pixels.shape[:2])
    if max(height, width) > SIDE:
        sides = [max(round(side * SIDE / max(height, width)), 1) for side in (height, width)]
        pixels = tf.image.resize(pixels, sides, method="area")
    rounded = tf.saturate_cast(tf.round(tf.cast(pixels, tf.float32)), tf.uint8)
    return Original(tf.io.encode_jpeg(rounded, quality=90).numpy(), height, width)


def place(view: np.ndarray, *, height: int, width: int, resize: str) -> np.ndarray:
    """Values of a network's view, (S, S), at the pixels of the image that it shows; 0 where the view does not reach.

    Args:
        view: float32 (S, S).
        height, width: of the image, pixels.
        resize: how the view was made, one of `kzoo.data.image.preprocess.RESIZES`.

    Returns:
        float32 (height, width), by bilinear interpolation.

    Example:
        >>> place(np.ones((2, 2), np.float32), height=1, width=4, resize="crop")
        array([[0., 1., 0., 0.]], dtype=float32)
    """
    if resize == "squash":
        return _sized(view, height, width)
    edge = min(height, width) if resize == "crop" else max(height, width)
    square = _sized(view, edge, edge)
    if resize == "pad":
        top, left = (edge - height) // 2, (edge - width) // 2
        return square[top : top + height, left : left + width]
    found = np.zeros((height, width), np.float32)
    top, left = (height - edge) // 2, (width - edge) // 2
    found[top : top + edge, left : left + edge] = square
    return found


def _sized(view: np.ndarray, height: int, width: int) -> np.ndarray:
    return tf.image.resize(view[..., None].astype(np.float32), (height, width))[..., 0].numpy()
