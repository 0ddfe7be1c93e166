"""KerasHub's image backbones as plain networks of one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import numpy as np

from kzoo.core.tensors import Tensor
from kzoo.models.hub.rewiring import load, rewire_parts
from kzoo.models.zoo.text import FirstToken

PerChannel: TypeAlias = float | Sequence[float]
"""One number for all channels, or one for each."""


def image_encoder(input_shape: tuple[int, ...], *, preset: str, weights: str | None = None) -> keras.Model:
    """An image backbone of KerasHub's, with the scaling of its image converter in front.

    Args:
        input_shape: (S, S, 3), of pixels in 0..255.
        preset: name of a preset, or its folder.
        weights: ``"preset"``, or None for random ones.

    Raises:
        ImportError: KerasHub is not installed.
        WeightsError: the preset is not here and cannot be downloaded.
        ValueError: its weights are for images of another size.
    """
    backbone = _at_size(vision_part(load(preset, weights=weights, extra="text")), tuple(input_shape), weights=weights)
    converter = image_conversion(preset)
    pixels = keras.Input(tuple(input_shape), name="images")
    return plain_images(backbone, pixels, scale=converter.scale, offset=converter.offset)


def _at_size(backbone: keras.Model, shape: tuple[int, ...], *, weights: str | None) -> keras.Model:
    """The backbone for images of a shape."""
    native = tuple(keras.tree.flatten(backbone.input)[0].shape[1:])
    if native[0] is None or native == shape:
        return backbone
    resized = type(backbone).from_config({**backbone.get_config(), "image_shape": shape})
    if weights is None:
        return resized
    if [tuple(w.shape) for w in resized.weights] != [tuple(w.shape) for w in backbone.weights]:
        raise ValueError(
            f"The weights of {backbone.name} are for images of {native[0]} x {native[1]} pixels. "
            f"Pass size={native[0]}, or weights=None. Got size={shape[0]}."
        )
    resized.set_weights(backbone.get_weights())
    return resized


def plain_images(
    backbone: keras.Model, pixels: Tensor, *, scale: PerChannel | None = None, offset: PerChannel | None = None
) -> keras.Model:
    """A functional model like an image backbone of KerasHub's, with its weights.

    Args:
        backbone: KerasHub's.
        pixels: Keras tensor (B, H, W, C), its input.
        scale, offset: what pixels are multiplied by, and what is then added, a number or one for each channel.

    Returns:
        From pixels to a map (B, h, w, C), tokens (B, T, C) or features (B, C). Where there is a class token, to that.
    """
    backbone = vision_part(backbone)
    names = list(backbone.input) if isinstance(backbone.input, Mapping) else ["images"]
    x = pixels
    if scale is not None or offset is not None:
        x = keras.layers.Rescaling(1.0 if scale is None else scale, 0.0 if offset is None else offset, name="scale")(x)
    outputs = list(backbone.output) if isinstance(backbone.output, Mapping) else [""]
    # Of several maps, the last is the deepest.
    output = "sequence_output" if "sequence_output" in outputs else outputs[-1]
    features = rewire_parts(backbone, {names[0]: x}, output=output)
    if len(features.shape) == 3 and _has_class_token(backbone, features, size=pixels.shape[1]):
        features = FirstToken(name="class_token")(features)
    return keras.Model(pixels, features, name=backbone.name)


def _has_class_token(backbone: keras.Model, features: Tensor, *, size: int | None) -> bool:
    """Whether there are more tokens than patches; those stand in front, the class token first."""
    patch = np.ravel(getattr(backbone, "patch_size", 0))[0]
    return bool(patch and size and features.shape[1]) and features.shape[1] > (size // patch) ** 2 > 0


def vision_part(backbone: keras.Model) -> keras.Model:
    """The encoder for images of a pair, or the backbone itself."""
    return getattr(backbone, "vision_encoder", backbone)


@dataclass(frozen=True)
class ImageConversion:
    """The settings of a preset's image converter; None for a setting that it does not have.

    Args:
        size: height of the images.
        scale: factor for pixels.
        offset: added to scaled pixels.
    """

    size: int | None = None
    scale: PerChannel | None = None
    offset: PerChannel | None = None


def image_conversion(preset: str) -> ImageConversion:
    """The settings of a preset's image converter."""
    import keras_hub

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except (OSError, ValueError):
        return ImageConversion()
    size = converter.image_size
    return ImageConversion(size[0] if size else None, _plain(converter.scale), _plain(converter.offset))


def _plain(value: PerChannel | None) -> PerChannel | None:
    """A number, or a list of one for each channel."""
    return None if value is None else np.asarray(value, np.float64).tolist()
