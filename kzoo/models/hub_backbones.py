"""KerasHub's backbones as models of kzoo's: which there are, their cards, and plain networks of one input.

A backbone of KerasHub's is one of kzoo's where it takes images alone, token ids with their mask and segments, or sound.
Not where a task of KerasHub's generates, segments, detects or estimates depth with it: what such a backbone gives are
not features of its input. Of a pair of encoders (CLIP, SigLIP), the one for images is taken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kzoo.models.files.configs import LARGEST
from kzoo.models.files.presets import check_preset
from kzoo.models.keras_hub import load, rewire_parts
from kzoo.models.zoo.text import FirstToken
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_audio import AUDIO_CATALOG
from kzoo.specs.catalog.hub_presets import HUB, HUB_CATALOG, image_card, text_card
from kzoo.specs.catalog.hub_text import card_of_folder
from kzoo.specs.checked_json import read_json, record

_OTHER_TASKS = (
    *("CausalLM", "Seq2SeqLM", "ImageSegmenter", "ObjectDetector", "DepthEstimator"),
    *("TextToImage", "ImageToImage", "Inpaint"),
)
"""Tasks of KerasHub's whose backbones do not give features of their input."""

_GENERATORS = ("VAEBackbone", "RQVAEBackbone")
"""Backbones that generate without a task of their own."""

_SOUND = ("WhisperBackbone", "MoonshineBackbone")
_TEXT_INPUTS = {"token_ids", "padding_mask", "segment_ids"}


def is_hub_backbone(model: Any) -> bool:
    """Whether a model is a backbone of KerasHub's, which is not imported for it."""
    hub = sys.modules.get("keras_hub")
    return hub is not None and isinstance(model, hub.models.Backbone)


@dataclass(frozen=True, kw_only=True)
class HubEncoder:
    """A kind of encoder that KerasHub has.

    Args:
        modality: what it encodes.
        plain: from a backbone that a user brings to its card, where that is not as of any model, and a plain model.
        card: from the name or folder of a preset, its opened backbone and a name to the card.
    """

    modality: str
    plain: Callable[[Any], tuple[BackboneSpec | None, keras.Model]]
    card: Callable[..., BackboneSpec]


def find_encoder(backbone: Any) -> HubEncoder:
    """What kind of encoder a backbone of KerasHub's is.

    Raises:
        TypeError: it is none; see the module.
    """
    name = type(backbone).__name__
    if name in _SOUND:
        return _RECORDINGS
    if (tasks := _other_tasks(backbone)) or name in _GENERATORS:
        used = f" It is that of KerasHub's {', '.join(tasks)}." if tasks else " It generates."
        raise TypeError(f"kzoo adapts encoders of images, texts and sound. {name} is none.{used}")
    inputs = set(backbone.input) if isinstance(backbone.input, Mapping) else {""}
    if "token_ids" in inputs and inputs <= _TEXT_INPUTS:
        return _TEXTS
    shapes = [tensor.shape for tensor in keras.tree.flatten(vision_part(backbone).input)]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        return _IMAGES
    raise TypeError(f"kzoo adapts encoders of images, texts and sound. {name} takes {', '.join(sorted(inputs))}.")


def _other_tasks(backbone: Any) -> list[str]:
    """The tasks of `_OTHER_TASKS` that KerasHub has for a backbone."""
    import keras_hub

    kinds = tuple(getattr(keras_hub.models, kind) for kind in _OTHER_TASKS if hasattr(keras_hub.models, kind))
    found = [each for each in vars(keras_hub.models).values() if isinstance(each, type) and issubclass(each, kinds)]
    # A subclass with a task of its own (XLM-RoBERTa of RoBERTa) is not that of its parent's.
    return sorted({each.__name__ for each in found if getattr(each, "backbone_cls", None) is type(backbone)})


def vision_part(backbone: Any) -> Any:
    """The encoder for images of a pair, or the backbone itself."""
    return getattr(backbone, "vision_encoder", backbone)


def plain_images(backbone: Any, pixels: Any, *, scale: Any = None, offset: Any = None) -> keras.Model:
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


def _has_class_token(backbone: Any, features: Any, *, size: int | None) -> bool:
    """Whether there are more tokens than patches; those stand in front, the class token first."""
    patch = np.ravel(getattr(backbone, "patch_size", 0))[0]
    return bool(patch and size and features.shape[1]) and features.shape[1] > (size // patch) ** 2 > 0


def card_of_instance(backbone: Any) -> tuple[BackboneSpec | None, keras.Model]:
    """A backbone of KerasHub's that a user brings, as a plain model; and its card, where that is not as of any model.

    Raises:
        TypeError: it is no encoder; or one for texts, which does not know its tokenizer.
    """
    return find_encoder(backbone).plain(backbone)


def _plain_image_encoder(backbone: Any) -> tuple[None, keras.Model]:
    shape = keras.tree.flatten(vision_part(backbone).input)[0].shape[1:]
    return None, plain_images(backbone, keras.Input(shape, name="images"))


def _plain_text_encoder(backbone: Any) -> tuple[None, keras.Model]:
    raise TypeError(
        f"A {type(backbone).__name__} does not know its tokenizer. Save both to one folder, "
        "backbone.save_to_preset(FOLDER) and tokenizer.save_to_preset(FOLDER), and pass the folder's path."
    )


def _plain_audio_encoder(backbone: Any) -> tuple[BackboneSpec, keras.Model]:
    from kzoo.models.zoo.audio import moonshine_encoder, whisper_encoder

    name = type(backbone).__name__
    known = AUDIO_CATALOG["whisper_tiny_en" if name == "WhisperBackbone" else "moonshine_tiny_en"]
    card = replace(known, name=backbone.name, constructor="", arguments={}, licence="", source="user")
    if name == "WhisperBackbone":
        card = _sized(replace(card, reads={**card.reads, "mels": backbone.num_mels}), backbone)
        plain = whisper_encoder(keras.Input((None, backbone.num_mels), name="features"), backbone)
    else:
        plain = moonshine_encoder(keras.Input((card.size, 1), name="features"), backbone)
    return replace(card, parameters=plain.count_params(), width=plain.output_shape[-1]), plain


def _sized(card: BackboneSpec, backbone: Any) -> BackboneSpec:
    """The card of a Whisper for the longest recording that it takes."""
    longest = backbone.max_encoder_sequence_length * card.reads["hop"]
    return replace(card, size=longest, min_size=min(card.min_size, longest))


def card_of_preset(preset: str) -> BackboneSpec:
    """The card of ``hub:PRESET``: a preset of KerasHub's by its name, or a folder of one.

    The preset's configuration is read, and the whole folder is checked before KerasHub opens it.

    Raises:
        ValueError: there is no such preset, or its folder is refused.
        TypeError: it is no encoder.
        WeightsError: it could not be fetched.
    """
    folder = Path(preset).expanduser()
    if folder.is_dir():
        preset, name = str(folder.absolute()), HUB + folder.name
        check_preset(preset)
    else:
        name = HUB + preset
        card = HUB_CATALOG[name]
        if not card.modality_spec.square:
            return card
    backbone = load(preset, weights=None, extra="text")
    return find_encoder(backbone).card(preset, backbone, name=name)


def _text_card(preset: str, backbone: Any, *, name: str) -> BackboneSpec:
    folder = Path(preset)
    if folder.is_dir() and "registered_name" not in record(read_json(folder / "config.json", most=LARGEST), name):
        return replace(card_of_folder(folder), name=name)
    longest = getattr(backbone, "max_sequence_length", None) or 512
    return replace(text_card(preset, size=min(longest, 512), name=name), width=backbone.hidden_dim)


def _audio_card(preset: str, backbone: Any, *, name: str) -> BackboneSpec:
    family = "whisper" if type(backbone).__name__ == "WhisperBackbone" else "moonshine"
    card = replace(AUDIO_CATALOG[f"{family}_tiny_en"], name=name, arguments={"preset": preset}, licence="")
    if family == "whisper":
        card = _sized(replace(card, reads={**card.reads, "mels": backbone.num_mels}), backbone)
    return replace(card, width=backbone.hidden_dim)


def _image_card(preset: str, backbone: Any, *, name: str) -> BackboneSpec:
    shape = keras.tree.flatten(vision_part(backbone).input)[0].shape
    wanted = _converter(preset)["size"]
    size = shape[1] or wanted or 224
    card = image_card(preset, size=size, name=name)
    # Positions are of one size.
    return card if shape[1] is None else replace(card, min_size=size)


_IMAGES = HubEncoder(modality="image", plain=_plain_image_encoder, card=_image_card)
_TEXTS = HubEncoder(modality="text", plain=_plain_text_encoder, card=_text_card)
_RECORDINGS = HubEncoder(modality="audio", plain=_plain_audio_encoder, card=_audio_card)


def image_encoder(input_shape: tuple[int, ...], *, preset: str, weights: Any = None) -> keras.Model:
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
    converter = _converter(preset)
    pixels = keras.Input(tuple(input_shape), name="images")
    return plain_images(backbone, pixels, scale=converter["scale"], offset=converter["offset"])


def _at_size(backbone: Any, shape: tuple[int, ...], *, weights: Any) -> Any:
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


def _converter(preset: str) -> dict[str, Any]:
    """Height of the images, scale and offset as a preset's image converter has them; None where it says none."""
    import keras_hub

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except (OSError, ValueError):
        return {"size": None, "scale": None, "offset": None}
    size = converter.image_size
    return {"size": size[0] if size else None, "scale": _plain(converter.scale), "offset": _plain(converter.offset)}


def _plain(value: Any) -> Any:
    """A number, or a list of one for each channel."""
    return None if value is None else np.asarray(value, np.float64).tolist()
