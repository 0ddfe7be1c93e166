"""Crops of an image in fixed places, to train a linear probe on and to predict from: test-time augmentation."""

from __future__ import annotations

from typing import Any

import keras

from kzoo.specs.phases import CROP_VIEWS

ops = keras.ops

CROPS = "crops"
"""What these views are called where others have the name of a preset."""

SHARE = 7 / 8
"""Side of a corner crop, of the image's."""


def crop_views(images: Any) -> Any:
    """The whole image, and its four corners resized to the same size.

    Args:
        images: float32 (B, S, S, C), S known, in any scaling.

    Returns:
        float32 (B, 5, S, S, C): the whole; upper left, upper right, lower left, lower right.
    """
    side = images.shape[1]
    edge = max(round(side * SHARE), 1)
    starts = (0, side - edge)
    corners = [images[:, top : top + edge, left : left + edge] for top in starts for left in starts]
    resized = [ops.image.resize(each, (side, side), data_format="channels_last") for each in corners]
    return ops.stack([images, *resized], axis=1)


def with_crops(model: keras.Model) -> keras.Model:
    """A model that answers by the mean of its first output over `crop_views`; other outputs are of the whole image.

    Args:
        model: from images (B, S, S, C) to logits, or to logits and others.

    Returns:
        A model of the same inputs and outputs.
    """
    inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype, name="whole")
    outputs = model(CropViews(name="crop_views")(inputs))
    if not isinstance(outputs, list | tuple):
        return keras.Model(inputs, MeanOfViews(name="mean_of_views")(outputs), name=model.name)
    logits, *others = outputs
    firsts = [FirstView(name=f"first_view_{number}")(each) for number, each in enumerate(others)]
    return keras.Model(inputs, [MeanOfViews(name="mean_of_views")(logits), *firsts], name=model.name)


@keras.saving.register_keras_serializable(package="kzoo")
class CropViews(keras.layers.Layer):
    """`crop_views` as a layer: (B, S, S, C) to (B * 5, S, S, C), all views of an image, then of the next."""

    def call(self, inputs: Any) -> Any:
        """See the class."""
        return ops.reshape(crop_views(inputs), (-1, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(B * 5, S, S, C)."""
        return (None, *input_shape[1:])


@keras.saving.register_keras_serializable(package="kzoo")
class MeanOfViews(keras.layers.Layer):
    """The mean over the views of each image: (B * 5, K) to (B, K)."""

    def call(self, inputs: Any) -> Any:
        """See the class."""
        return ops.mean(_by_image(inputs), axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(B, K)."""
        return (None, *input_shape[1:])


@keras.saving.register_keras_serializable(package="kzoo")
class FirstView(keras.layers.Layer):
    """What was computed of the whole image: (B * 5, K) to (B, K)."""

    def call(self, inputs: Any) -> Any:
        """See the class."""
        return _by_image(inputs)[:, 0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(B, K)."""
        return (None, *input_shape[1:])


def _by_image(values: Any) -> Any:
    return ops.reshape(values, (-1, CROP_VIEWS, *values.shape[1:]))
