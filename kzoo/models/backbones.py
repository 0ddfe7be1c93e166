"""Backbones: from a card, a user's model or a file to a functional Keras model without its top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras

from kzoo.core.graph.walking import layers_of
from kzoo.core.storage import NANO
from kzoo.models.construction import build
from kzoo.models.files.keras_archive import open_archive
from kzoo.models.files.presets import check_preset
from kzoo.models.hub.hub_encoders import card_of_instance, card_of_preset, is_hub_backbone
from kzoo.models.pixel_scaling import (
    begins_like,
    candidates,
    overruled_note,
    recognised_note,
    scales_itself,
    unscaled_note,
)
from kzoo.models.stages import Stage, cut_into_stages
from kzoo.models.user_models import as_backbone, card_of, card_of_weights, copy, rebuild, renew
from kzoo.models.weights import find_weights, stand_in
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_presets import HUB, HUB_CATALOG
from kzoo.specs.catalog.hub_text import card_of_folder, find_package
from kzoo.specs.records.seen import Seen, recall
from kzoo.specs.registry import get_card

OWN = "given"
"""As `weights`: those that a model of a user's brings, else random ones."""


@dataclass(frozen=True)
class Source:
    """A backbone that is about to be built.

    Args:
        card: its card.
        weights: a path, ``"imagenet"``, ``"own"`` for those that a user's constructor puts in, or None for random ones.
        model: the user's own model, which is copied; or None.
        fresh: whether that one's weights are replaced by random ones.
        seen: what the weights have seen, as far as kzoo knows.
        notes: what a reader should know of it.
    """

    card: BackboneSpec
    weights: str | Path | None
    model: keras.Model | None = None
    fresh: bool = False
    seen: Seen = field(default_factory=Seen)
    notes: tuple[str, ...] = ()

    @property
    def weights_name(self) -> str | None:
        """The name of the weights in a record."""
        if self.fresh:
            return None
        return "own" if self.model is not None and self.weights is None else self.weights and str(self.weights)

    def check(self, size: int) -> list[str]:
        """Notes on the weights; raises, before any work, where the size does not suit or they are not available."""
        of, unit, fixed = self.card.modality_spec, self.card.modality_spec.unit, None
        if self.model is not None and not self.card.constructor and of.size_is_input:
            fixed = self.model.input_shape[1]
        if fixed not in (None, size):
            raise ValueError(f"{self.card.name!r} takes {fixed} {unit}. Got size={size}.")
        if not of.square and size > self.card.size:
            raise ValueError(f"size for {self.card.name!r} must be at most {self.card.size} {unit}. Got {size}.")
        if size < self.card.min_size or size % self.card.multiple:
            multiple = f", a multiple of {self.card.multiple}" if self.card.multiple > 1 else ""
            wanted = f"at least {self.card.min_size} {unit}{multiple}"
            raise ValueError(f"size for {self.card.name!r} must be {wanted}. Got {size}.")
        if self.weights != "imagenet":
            return []
        found = find_weights(self.card, size=size)
        other = stand_in(self.card, size=size)
        if other is None:
            return []
        return [
            f"Weights of {self.card.name} for {size} pixels are not on this machine: those for {other.size} are used "
            f"({found.name})"
        ]

    @property
    def channels(self) -> int:
        """Channels of the images that it takes."""
        if self.model is not None:
            return self.model.input_shape[-1]
        return self.card.arguments.get("channels", 3) if self.card.source == "pretrained" else 3

    def for_outputs(self, outputs: int) -> Source:
        """The same, at least as wide as the outputs where a sparse linear model is to be solved in its table."""
        arguments = self.card.arguments
        if not self.card.is_sparse or self.weights_name is not None or outputs <= arguments["width"]:
            return self
        card = replace(self.card, arguments={**arguments, "width": outputs}, width=outputs, parameters=None)
        return replace(self, card=card)

    def with_card(self, card: BackboneSpec) -> Source:
        """The same of another card."""
        return replace(self, card=card)

    def build(self, shape: Sequence[int]) -> keras.Model:
        """The backbone for inputs of a shape, (S, S, 3), (T,) or (steps, values), with its weights."""
        if self.model is None:
            return build(self.card, shape=shape, weights=self.weights)
        if self.card.constructor and self.fresh:
            return build(self.card, shape=shape, weights=None)
        if self.card.constructor:
            return rebuild(self.model, build(self.card, shape=shape, weights=None), weights=self.weights)
        made = copy(self.model, size=shape[0], weights=self.weights)
        return renew(made) if self.fresh else made

    def stages(self, backbone: keras.Model) -> Sequence[Stage]:
        """The stages of what `build` gave."""
        return cut_into_stages(backbone)


def own_source(card: BackboneSpec, model: keras.Model, *, weights: str | Path | None, seen: Seen) -> Source:
    """That of a model that has weights already, which are taken unless others are given, or none are wanted.

    Args:
        card: the model's.
        model: with its weights.
        weights: see `resolve`.
        seen: what the model's own weights have seen.
    """
    card = _checked(find_package(card))
    if weights in ("auto", OWN):
        return Source(card, None, model, seen=seen)
    return Source(card, weights, model, fresh=weights is None)


def resolve(
    model: object, *, weights: str | Path | None, cards: Mapping[str, BackboneSpec], scaling: str | None = None
) -> Source:
    """Finds out what a user means by `model`.

    Args:
        model: a name among `cards`, a card, a ``keras.Model``, a backbone of KerasHub's, a path to a ``.keras`` or a
            weight file, ``"hub:PRESET"`` or ``"hub:PATH"``, a preset of KerasHub's, or ``"hf_dir:PATH"``, a text
            encoder in Hugging Face's form.
        weights: ``"auto"``, ``"imagenet"``, a path, None, or `OWN`.
        cards: the registry.
        scaling: of the pixels of a model of the user's own; None: found out.

    Raises:
        ValueError: the model is unknown, or its file or folder is refused, or its card has another scaling.
    """
    if is_hub_backbone(model):
        card, model = card_of_instance(model)
        if card is not None:
            refuse_scaling(card, scaling)
            return own_source(card, model, weights=weights, seen=Seen())
    if isinstance(model, keras.Model):
        card, notes = _with_scaling(card_of(model), model, scaling, cards)
        return replace(own_source(card, model, weights=weights, seen=recall(layers_of(model))), notes=notes)
    if isinstance(model, BackboneSpec):
        refuse_scaling(model, scaling)
        if model == HUB_CATALOG.get(model.name):
            model = card_of_preset(model.name.removeprefix(HUB))
        model = _checked(find_package(model))
        if weights == OWN:
            return Source(model, None)
        weights = _default(model) if weights == "auto" else weights
        inside = NANO / f"{Path(model.inside).stem}_seen.npz"
        return Source(model, weights, seen=Seen.read(inside) if weights == "inside" else Seen())
    if isinstance(model, str) and model in cards:
        return resolve(cards[model], weights=weights, cards=cards, scaling=scaling)
    place = str(model).removeprefix(HUB) if isinstance(model, str | Path) else ""
    if place and Path(place).expanduser().is_dir():
        return resolve(card_of_preset(place), weights=weights, cards=cards, scaling=scaling)
    if isinstance(model, str) and model.startswith("hf_dir:"):
        card = card_of_folder(Path(model.removeprefix("hf_dir:")))
        return resolve(card, weights=weights, cards=cards, scaling=scaling)
    if isinstance(model, str | Path) and str(model).endswith((".keras", ".h5")):
        if not Path(model).is_file():
            raise FileNotFoundError(f"There is no model file {model}.")
        if str(model).endswith(".keras"):
            return resolve(open_archive(model), weights=weights, cards=cards, scaling=scaling)
        # The presets of KerasHub have files of their own.
        card = card_of_weights(model, [card for name, card in cards.items() if not name.startswith(HUB)])
        refuse_scaling(card, scaling)
        return Source(card, model)
    if isinstance(model, str):
        get_card(model)
    raise TypeError(f"model must be a name, a card, a keras.Model or a path. Got {type(model).__name__}.")


def refuse_scaling(card: BackboneSpec, scaling: str | None) -> None:
    """Raises ValueError if `scaling` contradicts that of the card."""
    if scaling not in (None, card.scaling):
        raise ValueError(
            f"{card.name!r} expects pixels scaled as {card.scaling!r}. Leave scaling= out. Got {scaling!r}."
        )


def _with_scaling(
    card: BackboneSpec, model: keras.Model, scaling: str | None, cards: Mapping[str, BackboneSpec]
) -> tuple[BackboneSpec, tuple[str, ...]]:
    """The card of a user's model with the scaling of its pixels, and what a reader should know of it."""
    backbone = as_backbone(model)
    if scales_itself(backbone):
        return replace(card, scaling=scaling or "none"), ()
    found = _recognise(backbone, cards)
    if found is None:
        return replace(card, scaling=scaling or "none"), () if scaling else (unscaled_note(card.name),)
    if backbone.input_shape[1] is None:
        card = replace(card, size=found.size, min_size=found.min_size)
    if scaling not in (None, found.scaling):
        return replace(card, scaling=scaling), (overruled_note(found, scaling),)
    return replace(card, scaling=found.scaling), (recognised_note(found),)


def _recognise(backbone: keras.Model, cards: Mapping[str, BackboneSpec]) -> BackboneSpec | None:
    """The card of the catalog whose network a user's model is, or begins with; or None."""
    if backbone.input_shape[-1] != 3:
        return None
    for card in candidates(backbone, cards.values()):
        # The smallest that it takes: shapes of weights do not depend on it, and graphs of small images are made fast.
        side = max(card.min_size, 32)
        if begins_like(backbone, build(card, shape=(side, side, 3), weights=None)):
            return card
    return None


def _checked(card: BackboneSpec) -> BackboneSpec:
    """The card, after a look into the folder that it names."""
    for values in (card.arguments, card.reads):
        if "preset" in values and Path(values["preset"]).is_dir():
            check_preset(values["preset"])
    return card


def _default(card: BackboneSpec) -> str | None:
    """The weights of a card, unless told otherwise; None for a model that is meant to be trained from the start."""
    return card.pretrained or {"user": "own", "kzoo": None}.get(card.source, "imagenet")
