"""Candidates of a ranking: the models that a user names, or those whose weights are on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kzoo.data.modalities import MODALITIES
from kzoo.models.weights import cache_path
from kzoo.results.adapted import Adapted
from kzoo.results.pretrained import Pretrained
from kzoo.setup.auto_model import guess_modality
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_text import find_package
from kzoo.specs.registry import cards
from kzoo.specs.task import Task


def name_candidates(task: Task, models: Any) -> dict[str, Any]:
    """The models by name; a name that occurs again is numbered.

    Args:
        task: the data.
        models: a list of models, each as of `kzoo.adapt`; one model; a dict of them by name; or None: those of the
            task's modality whose weights are on this machine.

    Raises:
        ValueError: there is none.
    """
    if isinstance(models, Mapping):
        named = {str(name): model for name, model in models.items()}
    elif models is None:
        modality = guess_modality(task)
        named = {card.name: card.name for card in cards().values() if card.modality == modality and is_here(card)}
        if not named:
            if MODALITIES[modality].choose:
                raise ValueError(
                    "Candidates for examples of several inputs are fusions. Pass models=[kzoo.Fusion([...]), ...]."
                )
            raise ValueError(f"No weights for {modality} are on this machine: pass models=[...].")
    else:
        named = {}
        for model in models if isinstance(models, list | tuple | set) else [models]:
            name = _name_of(model)
            numbered = (name, *(f"{name} ({number})" for number in range(2, len(named) + 2)))
            named[next(each for each in numbered if each not in named)] = model
    if not named:
        raise ValueError("models must name at least one model. Got none.")
    return named


def is_here(card: BackboneSpec) -> bool:
    """Whether a card's weights are on this machine: bundled, in Keras's cache, or in an installed package.

    Presets that KerasHub would fetch do not count.
    """
    if card.inside:
        return True
    if file := card.weight_file(card.size):
        return cache_path(file).is_file()
    if find := card.reads.get("preset"):
        try:
            return importlib.util.find_spec("keras_hub") is not None and find_package(card).reads["preset"] != find
        except ImportError:
            return False
    return False


def _name_of(model: Any) -> str:
    if isinstance(model, Adapted):
        return f"{model.card.name}, adapted"
    if isinstance(model, Pretrained):
        return f"{model.card.name}, pretrained"
    if isinstance(model, str | Path):
        return str(model)
    if isinstance(model, BackboneSpec | keras.Model):
        return model.name
    return getattr(model, "name", None) or type(model).__name__
