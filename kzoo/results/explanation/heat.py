"""Heat: maps in [0, 1] as colours over an image, by NumPy alone, so that tables show them without matplotlib."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

STOPS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float32)
"""Colours at 0, 1/4, ... 1: of matplotlib's ``inferno``, which grows lighter throughout."""

OPAQUE = 0.75
"""How much of an image the colour of 1 covers; that of 0 covers nothing."""


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image under the colours of a map.

    Args:
        image: uint8 (h, w, 3).
        heat: float32 (H, W) in [0, 1], brought to the size of the image.

    Returns:
        uint8 (h, w, 3).
    """
    heat = tf.image.resize(heat[..., None], image.shape[:2], antialias=True).numpy().clip(0, 1)
    places = np.linspace(0, 1, len(STOPS))
    colours = np.stack([np.interp(heat[..., 0], places, STOPS[:, channel]) for channel in range(3)], axis=-1)
    cover = OPAQUE * heat
    return np.round(image * (1 - cover) + colours * cover).astype(np.uint8)


def as_jpeg(image: np.ndarray, *, side: int) -> bytes:
    """An image, uint8 (h, w, 3), as a JPEG whose longer side has at most `side` pixels."""
    pixels = tf.constant(image)
    if max(image.shape[:2]) > side:
        sides = [max(round(each * side / max(image.shape[:2])), 1) for each in image.shape[:2]]
        pixels = tf.saturate_cast(tf.round(tf.image.resize(image, sides, method="area")), tf.uint8)
    return tf.io.encode_jpeg(pixels, quality=85).numpy()
