"""Orientation of an image by its EXIF tag, read and undone in a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kzoo.core.tensors import Tensor

_ORIENTATION_TAG = 0x0112
_EXIF_REACH = 1 << 16


def orientation(encoded: Tensor) -> Tensor:
    """EXIF orientation, int32 in 1..8, of a JPEG (scalar string); 1 where it says none.

    Reads its first 64 KiB (Exif 2.32, section 4.6.4).
    """
    # Most images have no such header, and to look for its name is much faster than to read numbers.
    head = tf.strings.substr(encoded, 0, _EXIF_REACH)
    has_header = tf.strings.regex_full_match(head, r"(?s)\C*Exif\x00\x00\C*")
    return tf.cond(has_header, lambda: _orientation(head), lambda: 1)


def _orientation(head: Tensor) -> Tensor:
    data = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32)
    start, found = _find(data, (0xFF, 0xE1, None, None, *b"Exif\0\0"))
    tiff = start + 10
    little = _byte(data, tiff) == ord("I")
    directory = tiff + _number(data, tiff + 4, width=4, little=little)
    count = tf.minimum(_number(data, directory, width=2, little=little), 64)
    entries = directory + 2 + 12 * tf.range(count)
    tags = _number(data, entries, width=2, little=little)
    values = _number(data, entries + 8, width=2, little=little)
    value = tf.reduce_max(tf.concat([[0], tf.where(tags == _ORIENTATION_TAG, values, 0)], axis=0))
    return tf.where(found & (value >= 1) & (value <= 8), value, 1)


def upright(image: Tensor, orientation: Tensor) -> Tensor:
    """An image (H, W, C) turned and mirrored as its EXIF orientation asks."""

    def turn() -> Tensor:
        turned = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        turned = _reverse(turned, axis=1, when=_is_any(orientation, (2, 3, 6, 7)))
        return _reverse(turned, axis=0, when=_is_any(orientation, (3, 4, 7, 8)))

    result = tf.cond(orientation > 1, turn, lambda: image)
    result.set_shape((None, None, image.shape[-1]))
    return result


def _find(data: Tensor, pattern: Sequence[int | None]) -> tuple[Tensor, Tensor]:
    """Where `pattern` (None matches any byte) first stands in `data`, and whether it does."""
    length = tf.shape(data)[0]
    padded = tf.pad(data, ((0, len(pattern)),), constant_values=-1)
    match = tf.fill((length,), True)
    for offset, byte in enumerate(pattern):
        if byte is not None:
            match &= padded[offset : offset + length] == byte
    return tf.cast(tf.argmax(tf.concat([match, [False]], axis=0)), tf.int32), tf.reduce_any(match)


def _byte(data: Tensor, at: Tensor) -> Tensor:
    padded = tf.concat([data, [0]], axis=0)
    return tf.gather(padded, tf.clip_by_value(at, 0, tf.shape(data)[0]))


def _number(data: Tensor, at: Tensor, *, width: int, little: Tensor) -> Tensor:
    total = tf.zeros_like(at)
    for place in range(width):
        step = tf.where(little, width - 1 - place, place)
        total = total * 256 + _byte(data, at + step)
    return total


def _is_any(value: Tensor, options: Sequence[int]) -> Tensor:
    return tf.reduce_any(value == tf.constant(options))


def _reverse(image: Tensor, *, axis: int, when: Tensor) -> Tensor:
    return tf.cond(when, lambda: tf.reverse(image, [axis]), lambda: image)
