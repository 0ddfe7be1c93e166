"""The backbone that ``"auto"`` stands for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.modalities import MODALITIES, named_modalities
from kzoo.data.sources.forms import find_source, known_suffixes
from kzoo.models.weights import WeightsError, find_weights
from kzoo.specs.catalog.bundled import NANO
from kzoo.specs.catalog.hub_text import find_package
from kzoo.specs.catalog.modality import MODALITY_SPECS
from kzoo.specs.registry import get_card
from kzoo.specs.task import Task

FALLBACK = "image"
"""The modality of data that looks like none."""

TABLES = "text"
"""The modality of a folder of tables."""


def choose_model(task: Task, *, size: int | None, modality: str | None = None) -> tuple[str, str]:
    """The name of a backbone for a task, and what a reader should know of the choice.

    A good small one where its weights are there or can be fetched, else the one of that modality that comes with kzoo.
    """
    modality = modality or guess_modality(task)
    first, bundled = MODALITY_SPECS[modality].first_model, NANO.get(modality)
    if not bundled:
        raise ValueError(f"model='auto' has no model for {MODALITIES[modality].noun}s: name one, or pass it.")
    if not first:
        return bundled, f"model='auto' chose {bundled}, which is bundled with kzoo"
    card = get_card(first)
    try:
        if card.weights:
            find_weights(card, size=size or card.size)
        else:
            find_package(card)
            import keras_hub  # noqa: F401
    except (WeightsError, ImportError) as error:
        why = str(error).splitlines()[0]
        reason = f"{card.name} is not available ({why[:160]})"
        return bundled, f"model='auto' chose {bundled}, which is bundled with kzoo: {reason}"
    return card.name, f"model='auto' chose {card.name}"


def guess_modality(task: Task) -> str:
    """The name of the modality that a task has, or that its data looks like."""
    named = named_modalities(task)
    if named:
        return named[0].name
    data = task.data
    if isinstance(data, dict):
        data = next(iter(data.values()), None)
    if isinstance(data, str | Path) and Path(data).expanduser().is_dir():
        return _of_suffixes(Path(data).expanduser())
    source, data = find_source(data)
    if source and source.columns:
        return _of_names(source.columns(data))
    if isinstance(data, tuple) and len(data) == 2:
        return _of_values(data[0])
    return _of_values(data) if isinstance(data, list | np.ndarray) else FALLBACK


def _of_suffixes(folder: Path) -> str:
    for path in sorted(itertools.islice(folder.rglob("*"), 10_000)):
        suffix = path.suffix.lower()
        if found := next((name for name, each in MODALITIES.items() if suffix in each.suffixes), None):
            return found
        if suffix in known_suffixes():
            return TABLES
    return FALLBACK


def _of_names(columns: Sequence[str]) -> str:
    names = {name.strip().lower() for name in columns}
    # A column of paths may stand beside one of contents, but not for it.
    for each in sorted(MODALITIES.values(), key=lambda each: each.are_files):
        if names & {usual.lower() for usual in each.usual}:
            return each.name
    return FALLBACK


def _of_values(values: Any) -> str:
    first = values[0] if len(values) else None
    suffix = Path(first).suffix.lower() if isinstance(first, str) and len(first) < 300 else ""
    for each in MODALITIES.values():
        if suffix and suffix in each.suffixes:
            return each.name
    return next((each.name for each in MODALITIES.values() if each.looks(first)), FALLBACK)
