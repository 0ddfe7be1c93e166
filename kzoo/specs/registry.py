"""The registry: names and cards of backbones, the catalog's and the user's."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from kzoo.core.tables import Table
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.hub_presets import HUB_CATALOG
from kzoo.specs.catalog.keras_applications import CATALOG

_REGISTRY: dict[str, BackboneSpec] = {**CATALOG, **HUB_CATALOG}


class ModelList(list[str]):
    """Names of models, that print as a table of their cards."""

    def table(self) -> Table:
        """One row a model: size, parameters in millions, width, published ImageNet accuracy, source."""
        rows = []
        for name in self:
            card = _REGISTRY[name]
            millions = None if card.parameters is None else f"{card.parameters / 1e6:.1f} M"
            rows.append((name, card.size, millions, card.width, card.top1, card.top5, card.pretrained, card.source))
        columns = ("model", "size", "parameters", "width", "top-1", "top-5", "weights", "source")
        return Table(columns, rows, notes=(f"{len(self)} models",))

    def __repr__(self) -> str:
        return str(self.table())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def list_models(pattern: str = "*", *, modality: str | None = None, pretrained: bool = False) -> ModelList:
    """Names of the models that match, in alphabetical order.

    Args:
        pattern: shell wildcards, as ``"mobilenet*"`` or ``"*_v2_*"``; KerasHub's presets are ``"hub:*"``.
        modality: only those of one modality, ``"image"``, ``"text"``, ``"audio"`` or a registered one.
        pretrained: only those with published weights.

    Example:
        >>> list_models("resnet50*")[0]
        'resnet50'
    """
    return ModelList(
        name
        for name, card in sorted(_REGISTRY.items())
        if fnmatchcase(name, pattern) and modality in (None, card.modality) and (card.pretrained or not pretrained)
    )


def get_card(name: str) -> BackboneSpec:
    """The card of a model.

    Args:
        name: of the model, as `list_models` gives it.

    Raises:
        ValueError: there is no such model; the message suggests similar names.

    Example:
        >>> get_card("mobilenet_v2_035").size
        224
        >>> get_card("resnet5")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: Unknown model 'resnet5'. Did you mean 'resnet50' or ...
    """
    if name in _REGISTRY:
        return _REGISTRY[name]
    near = difflib.get_close_matches(str(name).lower(), _REGISTRY, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(each) for each in near)}?" if near else ""
    raise ValueError(f"Unknown model {name!r}.{hint} All names: kzoo.list_models().")


def cards() -> dict[str, BackboneSpec]:
    """All cards, by name."""
    return dict(_REGISTRY)


def register(name: str, constructor: str | Callable[..., object], **card: Any) -> BackboneSpec:
    """Adds a model of the user's own to the registry.

    Args:
        name: a new name.
        constructor: function that takes ``input_shape=(S, S, 3)`` (and ``weights=None`` if it likes) and returns a
            ``keras.Model`` that ends in features; or its dotted path.
        **card: the other fields of `kzoo.BackboneSpec`: ``size``, ``scaling``, ``arguments``, ``min_size``, ...

    Returns:
        The card.

    Raises:
        ValueError: the name is taken, or the constructor cannot be imported by its path.
    """
    refuse_taken(name)
    fields = {field.name for field in dataclasses.fields(BackboneSpec)}
    if unknown := set(card) - fields:
        raise ValueError(f"Unknown fields {sorted(unknown)}. A card has: {', '.join(sorted(fields))}.")
    card.setdefault("source", "user")
    spec = BackboneSpec(name=name, constructor=_path_of(constructor), **card)
    _REGISTRY[name] = spec
    return spec


def refuse_taken(name: str) -> None:
    """Raises ValueError where there is a model of that name."""
    if name in _REGISTRY:
        raise ValueError(f"A model named {name!r} is registered already. Choose another name.")


def _path_of(constructor: str | Callable[..., object]) -> str:
    if isinstance(constructor, str):
        return constructor
    qualified = getattr(constructor, "__qualname__", "<no name>")
    if "<" in qualified:
        raise ValueError(
            f"The constructor must be a module-level function, which can be imported by its path. Got {qualified}."
        )
    return f"{constructor.__module__}.{qualified}"
