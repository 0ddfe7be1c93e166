"""Images: from encoded bytes or pixels to a backbone's input, the same in training and in serving."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.data.image.downscale import reduce_large
from kzoo.data.image.graph_headers import trouble
from kzoo.data.image.orientation import orientation, upright
from kzoo.data.image.tta import fit_views, view_count
from kzoo.specs.card import SCALINGS, BackboneSpec
from kzoo.specs.checked_json import Check, checked, flag, one_of, text, whole

RESIZES = ("crop", "pad", "squash")
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")

_FIELDS: dict[str, Check] = {
    "size": whole(1, 1 << 14),
    "scaling": one_of(SCALINGS),
    "resize": text(20),
    "channels": whole(1, 4),
    "tta": flag,
}


@dataclass(frozen=True)
class ImagePreprocessor:
    """Raw images to a backbone's input. Deterministic; made of TensorFlow operations and Keras layers alone.

    Args:
        size: height and width of the result, pixels.
        scaling: one of `kzoo.specs.card.SCALINGS`.
        resize: ``"crop"`` keeps the middle square, ``"pad"`` all of it with black bars, ``"squash"`` all of it
            with its proportions changed.
        channels: 3, or 1 for a backbone that takes grey images.
        tta: whether `fit` gives several views of an image, see `kzoo.data.image.tta`.
    """

    size: int
    scaling: str = "none"
    resize: str = "crop"
    channels: int = 3
    tta: bool = False

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        return "image"

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Got {self.resize!r}.")

    def read(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels float32 (size, size, channels) in 0..255 of an encoded image (scalar string), and an empty string.

        An image whose header cannot be used gives zeros and the reason of `kzoo.data.image.headers.trouble`. An image
        that cannot be decoded raises.
        """
        reason = trouble(encoded)
        pixels = tf.cond(reason == "", lambda: self.fit(self.decode(encoded)), lambda: tf.zeros(self.shape))
        return tf.ensure_shape(pixels, self.shape), reason

    def decode(self, encoded: Tensor) -> Tensor:
        """uint8 (H, W, channels) of one encoded image (scalar string): the first frame, upright by its EXIF tag.

        Sides of large images are divided on the way, see `kzoo.data.image.downscale`.
        """
        is_jpeg = tf.strings.substr(encoded, 0, 2) == b"\xff\xd8"

        def jpeg() -> Tensor:
            # The JPEG decoder halves a side up to three times at less cost than decoding all of it. Half of the
            # detail that this leaves is more than is wanted, so that `fit` has the last word.
            side = tf.reduce_min(tf.image.extract_jpeg_shape(encoded)[:2])
            halvings = tf.reduce_sum(tf.cast(side >= 2 * self.size * tf.constant([2, 4, 8]), tf.int32))
            scaled = [lambda ratio=2**power: tf.io.decode_jpeg(encoded, channels=3, ratio=ratio) for power in range(4)]
            return upright(tf.switch_case(halvings, scaled), orientation(encoded))

        def other() -> Tensor:
            return tf.io.decode_image(encoded, channels=3, expand_animations=False)

        image = tf.cond(is_jpeg, jpeg, other)
        image.set_shape((None, None, 3))
        return self.colour(reduce_large(image, size=self.size, resize=self.resize))

    def fit(self, images: Tensor) -> Tensor:
        """float32 (..., size, size, channels) in 0..255 of pixels (..., H, W, 1 or channels) in 0..255.

        Sides are first divided by whole numbers, each pixel the mean of those it stands for, then taken to their size
        by bilinear interpolation, in which by then every pixel has a part: there is little aliasing, in less time than
        TensorFlow's antialiased resizing takes (2.21). With `tta` views come before height: (..., V, size, size, C).
        """
        if self.tta:
            return fit_views(images, resize=self.resize, fit=dataclasses.replace(self, tta=False).fit)
        images = self.colour(images)
        batch = images if len(images.shape) == 4 else images[None]
        batch = tf.cast(self._framed(batch), tf.float32)
        shape = tf.shape(batch)[1:3]
        batch = tf.cond(tf.reduce_all(shape == self.size), lambda: batch, lambda: self._resized(batch, shape))
        batch.set_shape((None, self.size, self.size, batch.shape[-1]))
        return batch if len(images.shape) == 4 else batch[0]

    def _resized(self, batch: Tensor, shape: Tensor) -> Tensor:
        factors = tf.maximum(shape // self.size, 1)
        batch = tf.cond(tf.reduce_max(factors) > 1, lambda: divide(batch, factors), lambda: batch)
        return tf.image.resize(batch, (self.size, self.size))

    def _framed(self, images: Tensor) -> Tensor:
        """The part of images (B, H, W, C) that is resized: a square, unless it is squashed."""
        shape = tf.shape(images)
        height, width = shape[1], shape[2]
        if self.resize == "crop":
            edge = tf.minimum(height, width)
            return tf.image.crop_to_bounding_box(images, (height - edge) // 2, (width - edge) // 2, edge, edge)
        if self.resize == "pad":
            edge = tf.maximum(height, width)
            return tf.image.pad_to_bounding_box(images, (edge - height) // 2, (edge - width) // 2, edge, edge)
        return images

    def colour(self, images: Tensor) -> Tensor:
        """Grey pixels (..., H, W, 1) as RGB, or RGB as grey, where the backbone takes the other."""
        if images.shape[-1] == 1 and self.channels == 3:
            return tf.image.grayscale_to_rgb(images)
        if images.shape[-1] == 3 and self.channels == 1:
            return tf.image.rgb_to_grayscale(images)
        return images

    @classmethod
    def restore(cls, values: object) -> ImagePreprocessor:
        """The preprocessor of its fields as plain values.

        Raises:
            ValueError: a field is missing, unknown or out of bounds.
        """
        return cls(**checked(values, _FIELDS, name="preprocessor", needed=("size",)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch; with `tta`, of all views of it."""
        return (*((self.views,) if self.tta else ()), self.size, self.size, self.channels)

    @property
    def views(self) -> int:
        """Number of views that `fit` gives of an image."""
        return view_count(self.resize) if self.tta else 1

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec(self.shape, tf.float32)

    def __str__(self) -> str:
        views = f"; mean over {self.views} views" if self.tta else ""
        return f"images of {self.size} x {self.size} pixels, {self.resize}{views}"

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for pixels in 0..255 (B, H, W, channels), and what the network takes of it."""
        pixels = keras.Input((None, None, self.channels), name="image")
        return pixels, self.scale(Resize(**dataclasses.asdict(self), name="resize", dtype="float32")(pixels))

    def scale(self, images: Tensor) -> Tensor:
        """Pixels in 0..255 (B, size, size, channels) in the backbone's own scaling; tensors or Keras tensors."""
        for layer in scaling_layers(self.scaling):
            images = layer(images)
        return images


def image_shape(card: BackboneSpec, size: int, channels: int) -> tuple[int, ...]:
    """The input of a card's backbone, without the batch: pixels (size, size, channels)."""
    return (size, size, channels)


def fit_images(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[ImagePreprocessor, list[str]]:
    """The preprocessor of a card, for images of `size` pixels or of its native ones; and no notes."""
    return ImagePreprocessor(size or card.size, card.scaling, resize, channels=channels), []


@keras.saving.register_keras_serializable(package="kzoo")
class Resize(keras.layers.Layer):
    """`Preprocessor.fit` as a layer, from pixels (B, H, W, C) to float32 (B, size, size, C)."""

    def __init__(self, *, size: int, scaling: str, resize: str, channels: int, tta: bool = False, **more: Any) -> None:
        super().__init__(**more)
        self.preprocessor = ImagePreprocessor(size, scaling, resize, channels, tta)

    def call(self, inputs: Tensor) -> Tensor:
        """See `Preprocessor.fit`."""
        return self.preprocessor.fit(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, size, size, C)."""
        return (input_shape[0], *self.preprocessor.shape)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return super().get_config() | dataclasses.asdict(self.preprocessor)


def divide(images: Tensor, factors: Tensor) -> Tensor:
    """Images (B, H, W, C), float32, with sides divided by whole numbers, each pixel the mean of those it stands for.

    Remaining rows and columns are dropped, half on each side; factors for height and width are int32 (2,).
    """
    shape = tf.shape(images)
    rows, columns = shape[1] // factors[0], shape[2] // factors[1]
    top, left = (shape[1] - rows * factors[0]) // 2, (shape[2] - columns * factors[1]) // 2
    whole = images[:, top : top + rows * factors[0], left : left + columns * factors[1]]
    blocks = tf.reshape(whole, (shape[0], rows, factors[0], columns, factors[1], images.shape[-1]))
    return tf.reduce_mean(blocks, axis=(2, 4))


def scaling_layers(scaling: str) -> Sequence[keras.layers.Layer]:
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

    def call(self, inputs: Tensor) -> Tensor:
        return keras.ops.flip(inputs, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
