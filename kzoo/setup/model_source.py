"""The backbone that a user means by a model of any form."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TypeAlias

import keras

from kzoo.models.backbone_source import BackboneSource
from kzoo.models.backbones import Source, own_source, refuse_scaling, resolve
from kzoo.models.files.presets import is_preset
from kzoo.models.pixel_scaling import check_scaling
from kzoo.results.adapted import Adapted
from kzoo.results.files.loading import load
from kzoo.results.pretrained import Pretrained, seen_by
from kzoo.setup.model import FusedSource, fused_source
from kzoo.specs.card import BackboneSpec
from kzoo.specs.fusion import Fusion
from kzoo.specs.registry import cards

ModelLike: TypeAlias = str | Path | BackboneSpec | keras.Model | Adapted | Pretrained | Fusion | BackboneSource
"""Whatever stands for a backbone, as the argument ``model`` of `kzoo.adapt`."""


def source_of(model: ModelLike, *, weights: str | Path | None, scaling: str | None = None) -> BackboneSource:
    """The backbone that a user means: also that of an adapted model, or one pretrained by kzoo, or its folder.

    Args: as of `kzoo.adapt`; ``model`` may also be what this returned.
    """
    check_scaling(scaling)
    if isinstance(model, Source | FusedSource):
        return model
    if isinstance(model, str | Path) and str(model) not in cards() and Path(model).is_dir():
        model = model if is_preset(model) else load(model)
    if isinstance(model, Adapted):
        if model.record.merged and model.record.merged.how == "ensemble":
            raise ValueError("An ensemble cannot be adapted. Adapt one of its members.")
        size = model.preprocessor.size
        card = dataclasses.replace(model.card, size=size, min_size=size, multiple=1, weights=(), source="user")
        refuse_scaling(card, scaling)
        return own_source(card, model.backbone, weights=weights, seen=model.seen)
    if isinstance(model, Fusion):
        if scaling is not None:
            raise ValueError("scaling= is for a single model; the members of a fusion have their own. Leave it out.")
        return fused_source(model, [_member(each, weights=weights) for each in model.members])
    if isinstance(model, Pretrained):
        refuse_scaling(model.card, scaling)
        return own_source(model.card, model.backbone, weights=weights, seen=model.seen)
    source = resolve(model, weights=weights, cards=cards(), scaling=scaling)
    if source.card.source == "pretrained" and source.weights is not None:
        return dataclasses.replace(source, seen=seen_by(source.card))
    return source


def _member(model: ModelLike, *, weights: str | Path | None) -> Source:
    source = source_of(model, weights=weights)
    if not isinstance(source, Source):
        raise TypeError("A member of a fusion must be one backbone. Got a fusion: list all members in one fusion.")
    return source
