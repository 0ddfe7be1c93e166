"""The identity of a backbone before it is built: its card, and its weight file by path, size and time of change."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from kzoo.core.storage import NANO
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.backbones import Source
from kzoo.models.weights import cache_path
from kzoo.setup.model import FusedSource
from kzoo.specs.card import BackboneSpec
from kzoo.training.cache.fingerprint import fingerprint

KNOWN = ("keras.", "keras_cv.", "keras_hub.", "kzoo.")
"""Packages whose constructors give the same network for the same card."""


def source_identity(source: BackboneSource, *, seed: int) -> str | None:
    """All that a backbone's features of given examples follow from, as a text; None where it must be built to be known.

    A model of the user's is known by the content of its weights, a file by its path, size and time of change.

    Args:
        source: the backbone.
        seed: of random weights.
    """
    if isinstance(source, FusedSource):
        members = [source_identity(member, seed=seed) for member in source.members.values()]
        return None if None in members else repr((source.fusion.how, seed, members))
    if not isinstance(source, Source):
        return None
    card = source.card
    if source.model is None and not card.constructor.startswith(KNOWN):
        return None
    weights = _weights(source)
    if weights is None:
        return None
    # What a constructor or a tokenizer reads beside the weights.
    folders = {str(each["preset"]) for each in (card.arguments, card.reads) if "preset" in each}
    files = [found for folder in sorted(folders) for found in _states(Path(folder))]
    described = json.dumps(dataclasses.asdict(card), sort_keys=True, default=repr)
    model = "" if source.model is None else fingerprint(source.model)
    return repr((described, weights, files, model, source.fresh, seed))


def _weights(source: Source) -> object:
    """The state of the file that weights are loaded from, ``"random"`` or ``"given"``; None where it is not known."""
    card, weights = source.card, source.weights
    if weights is None:
        return "random" if source.model is None or source.fresh else "given"
    if weights == "preset":
        return "preset" if Path(str(card.arguments.get("preset", ""))).is_dir() else None
    path = _published(card) if weights == "imagenet" else NANO / card.inside if weights == "inside" else Path(weights)
    return next(_states(path), None) if path and path.is_file() else None


def _published(card: BackboneSpec) -> Path | None:
    file = card.weight_file(card.size)
    return cache_path(file) if file else None


def _states(path: Path) -> Iterator[tuple[str, int, int]]:
    """Path, size in bytes and time of change in nanoseconds of a file, or of all files in a folder."""
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if each.is_file():
            state = each.stat()
            yield str(each.resolve()), state.st_size, state.st_mtime_ns
