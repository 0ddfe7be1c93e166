"""Pixel scaling that a user's own model expects, where its layers tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import keras

from kzoo.core.graph.walking import flat_operations, weights_of
from kzoo.specs.card import SCALINGS, BackboneSpec

_NORMALS = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.BatchNormalization)
_ARITHMETIC = ("Add", "Divide", "Lambda", "Multiply", "Subtract", "TrueDivide")


def check_scaling(scaling: str | None) -> None:
    """Raises ValueError where it is none of those that there are."""
    if scaling not in (None, *SCALINGS):
        raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}, or None. Got {scaling!r}.")


def scales_itself(model: keras.Model) -> bool:
    """Whether something scales or normalises the input before the first layer with weights."""
    for operation in flat_operations(model):
        if isinstance(operation, _NORMALS) or type(operation).__name__ in _ARITHMETIC:
            return True
        if weights_of(operation):
            return False
    return False


def candidates(model: keras.Model, cards: Iterable[BackboneSpec]) -> Iterator[BackboneSpec]:
    """The cards whose number of parameters is that of the first so many layers of a model, the largest first.

    Only cards of ``keras.applications`` whose pixels are scaled outside of the network.
    """
    sizes, total = set(), 0
    for layer in weighted(model):
        total += layer.count_params()
        sizes.add(total)
    fitting = [card for card in cards if card.source == "keras" and card.scaling != "none" and card.parameters in sizes]
    yield from sorted(fitting, key=lambda card: -(card.parameters or 0))


def begins_like(model: keras.Model, other: keras.Model) -> bool:
    """Whether the layers with weights of `other`, their classes and shapes, are the first ones of `model`."""
    ours, theirs = ([_look(layer) for layer in weighted(each)] for each in (model, other))
    return bool(theirs) and ours[: len(theirs)] == theirs


def weighted(model: keras.Model) -> list[keras.Layer]:
    """The layers that have weights, those of models within it in their place."""
    return [operation for operation in flat_operations(model) if weights_of(operation)]


def _look(layer: keras.Layer) -> tuple[str | tuple[int, ...], ...]:
    return (type(layer).__name__, *(tuple(weight.shape) for weight in layer.weights))


def unscaled_note(name: str) -> str:
    """A note on a model that does not say how its pixels are scaled."""
    return f"{name} receives pixels in 0..255. Pass scaling= if it was trained on another range."


def recognised_note(card: BackboneSpec) -> str:
    """A note on a model that was recognised as one of the catalog."""
    return f"The model was recognised as {card.name}. Its pixels are scaled as {card.scaling!r}."


def overruled_note(card: BackboneSpec, scaling: str) -> str:
    """A note on a scaling that differs from the catalog's."""
    return f"{card.name} expects pixels scaled as {card.scaling!r}. The given scaling={scaling!r} is used."
