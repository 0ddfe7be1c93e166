"""Test-time augmentation: the views of an image whose mean answer is predicted."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from kzoo.core.tensors import Tensor

PLACES = {"crop": (0.5, 0.0, 1.0)}
"""Where the square lies along the longer side, by the kind of resizing: 0 is its beginning. Others show all of it."""


def view_count(resize: str) -> int:
    """Number of views: one for each place, and its mirror image."""
    return 2 * len(PLACES.get(resize, (0.5,)))


def fit_views(images: Tensor, *, resize: str, fit: Callable[[Tensor], Tensor]) -> Tensor:
    """All views of images: squares along the longer side, the middle one first, then the same mirrored.

    Args:
        images: (H, W, C), or a batch of them, (B, H, W, C).
        resize: of the preprocessor.
        fit: from images of any size to (..., S, S, C).

    Returns:
        float32 (V, S, S, C), or (B, V, S, S, C); V is `view_count`.
    """
    batch = images if len(images.shape) == 4 else images[None]
    squares = [_square(batch, place) for place in PLACES[resize]] if resize in PLACES else [batch]
    # All squares are as large, so that one call fits them all: (B, places, ...).
    stacked = tf.stack(squares, axis=1)
    shape = tf.shape(stacked)
    fitted = fit(tf.reshape(stacked, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0)))
    places = tf.reshape(fitted, (-1, len(squares), *fitted.shape[1:]))
    views = tf.concat([places, tf.reverse(places, axis=[-2])], axis=1)
    return views if len(images.shape) == 4 else views[0]


def _square(images: Tensor, place: float) -> Tensor:
    """The square of the shorter side at a place along the longer one."""
    shape = tf.shape(images)
    height, width = shape[1], shape[2]
    edge = tf.minimum(height, width)
    top, left = (each - edge if place == 1 else (each - edge) // 2 if place else 0 for each in (height, width))
    square = images[:, top : top + edge, left : left + edge]
    return tf.ensure_shape(square, (None, None, None, images.shape[-1]))
