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

import keras

from kzoo.models.files.configs import LARGEST
from kzoo.models.files.presets import check_preset
from kzoo.models.hub.hub_images import image_conversion, plain_images, vision_part
from kzoo.models.hub.rewiring import load
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


def is_hub_backbone(model: object) -> bool:
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
    plain: Callable[[keras.Model], tuple[BackboneSpec | None, keras.Model]]
    card: Callable[..., BackboneSpec]


def find_encoder(backbone: keras.Model) -> HubEncoder:
    """The kind of encoder of a KerasHub backbone.

    Raises:
        TypeError: the backbone is not an encoder; see the module.
    """
    name = type(backbone).__name__
    if name in _SOUND:
        return _RECORDINGS
    if (tasks := _other_tasks(backbone)) or name in _GENERATORS:
        used = f" KerasHub uses it for {', '.join(tasks)}." if tasks else " It is a generator."
        raise TypeError(f"kzoo adapts encoders of images, texts and audio. {name} is not one.{used}")
    inputs = set(backbone.input) if isinstance(backbone.input, Mapping) else {""}
    if "token_ids" in inputs and inputs <= _TEXT_INPUTS:
        return _TEXTS
    shapes = [tensor.shape for tensor in keras.tree.flatten(vision_part(backbone).input)]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        return _IMAGES
    raise TypeError(f"kzoo adapts encoders of images, texts and audio. {name} takes {', '.join(sorted(inputs))}.")


def _other_tasks(backbone: keras.Model) -> list[str]:
    """The tasks of `_OTHER_TASKS` that KerasHub has for a backbone."""
    import keras_hub

    kinds = tuple(getattr(keras_hub.models, kind) for kind in _OTHER_TASKS if hasattr(keras_hub.models, kind))
    found = [each for each in vars(keras_hub.models).values() if isinstance(each, type) and issubclass(each, kinds)]
    # A subclass with a task of its own (XLM-RoBERTa of RoBERTa) is not that of its parent's.
    return sorted({each.__name__ for each in found if getattr(each, "backbone_cls", None) is type(backbone)})


def card_of_instance(backbone: keras.Model) -> tuple[BackboneSpec | None, keras.Model]:
    """A backbone of KerasHub's that a user brings, as a plain model; and its card, where that is not as of any model.

    Raises:
        TypeError: it is no encoder; or one for texts, which does not know its tokenizer.
    """
    return find_encoder(backbone).plain(backbone)


def _plain_image_encoder(backbone: keras.Model) -> tuple[None, keras.Model]:
    shape = keras.tree.flatten(vision_part(backbone).input)[0].shape[1:]
    return None, plain_images(backbone, keras.Input(shape, name="images"))


def _plain_text_encoder(backbone: keras.Model) -> tuple[None, keras.Model]:
    raise TypeError(
        f"A {type(backbone).__name__} does not know its tokenizer. Save both to one folder, "
        "backbone.save_to_preset(FOLDER) and tokenizer.save_to_preset(FOLDER), and pass the folder's path."
    )


def _plain_audio_encoder(backbone: keras.Model) -> tuple[BackboneSpec, keras.Model]:
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


def _sized(card: BackboneSpec, backbone: keras.Model) -> BackboneSpec:
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


def _text_card(preset: str, backbone: keras.Model, *, name: str) -> BackboneSpec:
    folder = Path(preset)
    if folder.is_dir() and "registered_name" not in record(read_json(folder / "config.json", most=LARGEST), name):
        return replace(card_of_folder(folder), name=name)
    longest = getattr(backbone, "max_sequence_length", None) or 512
    return replace(text_card(preset, size=min(longest, 512), name=name), width=backbone.hidden_dim)


def _audio_card(preset: str, backbone: keras.Model, *, name: str) -> BackboneSpec:
    family = "whisper" if type(backbone).__name__ == "WhisperBackbone" else "moonshine"
    card = replace(AUDIO_CATALOG[f"{family}_tiny_en"], name=name, arguments={"preset": preset}, licence="")
    if family == "whisper":
        card = _sized(replace(card, reads={**card.reads, "mels": backbone.num_mels}), backbone)
    return replace(card, width=backbone.hidden_dim)


def _image_card(preset: str, backbone: keras.Model, *, name: str) -> BackboneSpec:
    shape = keras.tree.flatten(vision_part(backbone).input)[0].shape
    wanted = image_conversion(preset).size
    size = shape[1] or wanted or 224
    card = image_card(preset, size=size, name=name)
    # Positions are of one size.
    return card if shape[1] is None else replace(card, min_size=size)


_IMAGES = HubEncoder(modality="image", plain=_plain_image_encoder, card=_image_card)
_TEXTS = HubEncoder(modality="text", plain=_plain_text_encoder, card=_text_card)
_RECORDINGS = HubEncoder(modality="audio", plain=_plain_audio_encoder, card=_audio_card)
