"""Pictures: from encoded bytes or pixels to what a backbone takes, the same way in training and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

RESIZES = ("crop", "pad", "squash")
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")

_ORIENTATION_TAG = 0x0112
_EXIF_REACH = 1 << 16


@dataclass(frozen=True)
class Preprocessor:
    """Raw pictures to a backbone's input. Deterministic; made of TensorFlow operations and Keras layers alone.

    Args:
        size: height and width of the result, pixels.
        scaling: one of `kzoo.specs.backbone.SCALINGS`.
        resize: ``"crop"`` keeps the middle square, ``"pad"`` all of it with black bars, ``"squash"`` all of it
            with its proportions changed. Bilinear, antialiased.
        channels: 3, or 1 for a backbone that takes grey pictures.
    """

    size: int
    scaling: str = "none"
    resize: str = "crop"
    channels: int = 3

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Got {self.resize!r}.")

    def decode(self, encoded: Any) -> Any:
        """uint8 (H, W, channels) of one encoded picture (scalar string): the first frame, upright by its EXIF tag."""
        picture = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        picture.set_shape((None, None, 3))
        return self.colour(upright(picture, orientation(encoded)))

    def fit(self, pictures: Any) -> Any:
        """float32 (..., size, size, channels) in 0..255 of pixels (..., H, W, 1 or channels) in 0..255."""
        return self.resizing()(tf.cast(self.colour(pictures), tf.float32))

    def colour(self, pictures: Any) -> Any:
        """Grey pixels (..., H, W, 1) as RGB, or RGB as grey, where the backbone takes the other."""
        if pictures.shape[-1] == 1 and self.channels == 3:
            return tf.image.grayscale_to_rgb(pictures)
        if pictures.shape[-1] == 3 and self.channels == 1:
            return tf.image.rgb_to_grayscale(pictures)
        return pictures

    def resizing(self) -> keras.layers.Layer:
        """The Keras layer that resizes."""
        return keras.layers.Resizing(
            self.size,
            self.size,
            antialias=True,
            crop_to_aspect_ratio=self.resize == "crop",
            pad_to_aspect_ratio=self.resize == "pad",
            dtype="float32",
            name="resize",
        )

    def scale(self, pictures: Any) -> Any:
        """Pixels in 0..255 (B, size, size, channels) in the backbone's own scaling; tensors or Keras tensors."""
        for layer in _scaling_layers(self.scaling):
            pictures = layer(pictures)
        return pictures


def orientation(encoded: Any) -> Any:
    """EXIF orientation, int32 in 1..8, of an encoded picture (scalar string); 1 where it says none.

    Reads the first 64 KiB of a JPEG (Exif 2.32, section 4.6.4).
    """
    data = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, _EXIF_REACH), tf.uint8), tf.int32)
    start, found = _find(data, (0xFF, 0xE1, None, None, *b"Exif\0\0"))
    tiff = start + 10
    little = _byte(data, tiff) == ord("I")
    directory = tiff + _number(data, tiff + 4, width=4, little=little)
    count = tf.minimum(_number(data, directory, width=2, little=little), 64)
    entries = directory + 2 + 12 * tf.range(count)
    tags = _number(data, entries, width=2, little=little)
    values = _number(data, entries + 8, width=2, little=little)
    value = tf.reduce_max(tf.concat([[0], tf.where(tags == _ORIENTATION_TAG, values, 0)], axis=0))
    is_jpeg = tf.strings.substr(encoded, 0, 2) == b"\xff\xd8"
    return tf.where(found & is_jpeg & (value >= 1) & (value <= 8), value, 1)


def upright(picture: Any, orientation: Any) -> Any:
    """A picture (H, W, C) turned and mirrored as its EXIF orientation asks."""

    def turn() -> Any:
        turned = tf.cond(orientation >= 5, lambda: tf.transpose(picture, (1, 0, 2)), lambda: picture)
        turned = _reverse(turned, axis=1, when=_is_any(orientation, (2, 3, 6, 7)))
        return _reverse(turned, axis=0, when=_is_any(orientation, (3, 4, 7, 8)))

    result = tf.cond(orientation > 1, turn, lambda: picture)
    result.set_shape((None, None, picture.shape[-1]))
    return result


def _scaling_layers(scaling: str) -> Sequence[keras.layers.Layer]:
    """Keras layers that do what `preprocess_input` of a backbone's module does."""
    if scaling == "tf":
        return (keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale"),)
    if scaling == "unit":
        return (keras.layers.Rescaling(1 / 255, name="scale"),)
    if scaling == "torch":
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return (
            keras.layers.Rescaling(
                scale=[1 / (255 * d) for d in deviation],
                offset=[-m / d for m, d in zip(mean, deviation, strict=True)],
                name="scale",
            ),
        )
    if scaling == "caffe":
        return (_Flip(name="to_bgr"), keras.layers.Rescaling(1.0, offset=[-103.939, -116.779, -123.68], name="scale"))
    return ()


@keras.saving.register_keras_serializable(package="kzoo", name="ReverseChannels")
class _Flip(keras.layers.Layer):
    """Reverses the channels, RGB to BGR."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.flip(inputs, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _find(data: Any, pattern: Sequence[int | None]) -> tuple[Any, Any]:
    """Where `pattern` (None matches any byte) first stands in `data`, and whether it does."""
    length = tf.shape(data)[0]
    padded = tf.pad(data, ((0, len(pattern)),), constant_values=-1)
    match = tf.fill((length,), True)
    for offset, byte in enumerate(pattern):
        if byte is not None:
            match &= padded[offset : offset + length] == byte
    return tf.cast(tf.argmax(tf.concat([match, [False]], axis=0)), tf.int32), tf.reduce_any(match)


def _byte(data: Any, at: Any) -> Any:
    padded = tf.concat([data, [0]], axis=0)
    return tf.gather(padded, tf.clip_by_value(at, 0, tf.shape(data)[0]))


def _number(data: Any, at: Any, *, width: int, little: Any) -> Any:
    total = tf.zeros_like(at)
    for place in range(width):
        step = tf.where(little, width - 1 - place, place)
        total = total * 256 + _byte(data, at + step)
    return total


def _is_any(value: Any, options: Sequence[int]) -> Any:
    return tf.reduce_any(value == tf.constant(options))


def _reverse(picture: Any, *, axis: int, when: Any) -> Any:
    return tf.cond(when, lambda: tf.reverse(picture, [axis]), lambda: picture)
