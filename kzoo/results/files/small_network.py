"""A network as what it adds to its start weights: differences of adapters, and weights that they do not explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kzoo.core.graph.walking import layers_of
from kzoo.core.storage import DamagedError
from kzoo.models.assembly import assemble
from kzoo.models.backbones import resolve
from kzoo.models.weights import digest_of
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import Check, Fields, checked, flag, many, text, whole
from kzoo.specs.head import Head
from kzoo.specs.registry import cards
from kzoo.training.adapters.merged_differences import MergedDifference, present_differences, restore_differences

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted

ADDED = "added.npz"

_MOST = 1_000_000
_AXES: Check = many(many(whole(0, 64), most=64), most=2)
_DIFFERENCE: dict[str, Check] = {"index": whole(0, _MOST), "axes": _AXES, "serial": flag}
_SMALL: dict[str, Check] = {
    "digest": text(64),
    "frozen": many(whole(0, _MOST), most=_MOST),
    "differences": many(
        lambda value, name: checked(value, _DIFFERENCE, name=name, needed=tuple(_DIFFERENCE)), most=_MOST
    ),
}


@dataclass(frozen=True)
class SmallParts:
    """What a small save holds in place of the network.

    Args:
        values: for the card.
        arrays: by name: factors of differences, and whole weights as ``weight<number>``.
    """

    values: Fields
    arrays: Mapping[str, np.ndarray]


def small_parts(adapted: Adapted) -> SmallParts:
    """What the network adds to its start weights.

    Raises:
        ValueError: these have no name by which they are found again, or are others now.
    """
    network, digest = _start_network(
        adapted.card,
        weights=adapted.record.weights,
        shape=adapted.preprocessor.shape,
        head=adapted.head,
        outputs=len(adapted.labels),
    )
    if digest != adapted.record.start:
        raise ValueError(f"The start weights of {adapted.card.name} have changed since. Save without small=True.")
    weights = _with_differences(network.get_weights(), adapted.differences)
    values, arrays = present_differences(adapted.differences)
    wanted = adapted.network.get_weights()
    for number, (one, other) in enumerate(zip(weights, wanted, strict=True)):
        if one.tobytes() != other.tobytes():
            arrays[f"weight{number}"] = other
    frozen = [place for place, layer in enumerate(layers_of(adapted.network)) if not layer.trainable]
    return SmallParts({"digest": digest_of(wanted), "frozen": frozen, "differences": values}, arrays)


def check_small(value: object, name: str) -> Fields:
    """The values in a card, each of them checked."""
    return checked(value, _SMALL, name=name, needed=tuple(_SMALL))


def read_small(
    values: Fields, directory: Path, fields: Mapping[str, Any]
) -> tuple[list[MergedDifference], keras.Model]:
    """The differences and the network of a small save.

    Args:
        values: from `check_small`.
        directory: of the save.
        fields: those of the `Adapted` that are read already.

    Raises:
        DamagedError: a part is damaged, or the start weights are not those of then.
    """
    record = fields["record"]
    network, digest = _start_network(
        fields["card"],
        weights=record.weights,
        shape=fields["preprocessor"].shape,
        head=fields["head"],
        outputs=len(fields["labels"]),
    )
    if digest != record.start:
        raise DamagedError(
            f"{directory} holds what was added to the weights {record.weights!r} of {fields['card'].name}, and those "
            "on this machine are others. Load it where the same are, or save it there without small=True."
        )
    try:
        with np.load(directory / ADDED, allow_pickle=False) as file:
            arrays = dict(file)
        differences = restore_differences(values["differences"], arrays)
        weights = _with_differences(network.get_weights(), differences)
        for number, weight in enumerate(weights):
            weights[number] = arrays.get(f"weight{number}", weight)
        network.set_weights(weights)
        layers = layers_of(network)
        for place in values["frozen"]:
            # Which layers are folded follows from it.
            layers[place].trainable = False
    except (OSError, ValueError, EOFError, KeyError, IndexError) as error:
        raise DamagedError(f"{directory / ADDED} is damaged: {error}. Save or copy the model again.") from error
    if digest_of(network.get_weights()) != values["digest"]:
        raise DamagedError(f"{directory} does not give the weights that were saved. Save it again, without small=True.")
    return differences, network


def _with_differences(weights: list[np.ndarray], differences: Sequence[MergedDifference]) -> list[np.ndarray]:
    for each in differences:
        weights[each.index] = each.added_to(weights[each.index])
    return weights


def _start_network(
    card: BackboneSpec, *, weights: str | None, shape: Sequence[int], head: Head, outputs: int
) -> tuple[keras.Model, str]:
    """The network before it was trained, but for its head, and the digest of its backbone's weights."""
    if weights not in (None, "own") and not card.constructor:
        raise ValueError(f"{card.name} is a fusion, which is saved whole. Save it without small=True.")
    if weights in (None, "own"):
        raise ValueError(
            f"small=True keeps what was added to start weights that have a name, as 'imagenet'. Those of {card.name} "
            f"are {'random' if weights is None else 'of a model of your own'}. Save without it."
        )
    source = resolve(card, weights=weights, cards=cards())
    backbone = source.build(shape)
    digest = digest_of(backbone.get_weights())
    return assemble(backbone, head=head, outputs=outputs, stages=source.stages(backbone)).model, digest
