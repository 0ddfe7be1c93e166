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
from kzoo.specs.registry import get_card
from kzoo.specs.task import Task

FIRST = {"image": "mobilenet_v2_100", "text": "minilm_l6"}
"""What is taken where its weights are to be had; for sound, what comes with kzoo is the first choice."""


def choose_model(task: Task, *, size: int | None, modality: str | None = None) -> tuple[str, str]:
    """The name of a backbone for a task, and what a reader should know of the choice.

    A good small one where its weights are there or can be fetched, else the one of that modality that comes with kzoo.
    """
    modality = modality or guess_modality(task)
    nano = NANO[modality]
    if modality not in FIRST:
        return nano, f"model='auto' chose {nano}, which is bundled with kzoo"
    card = get_card(FIRST[modality])
    try:
        if modality == "image":
            find_weights(card, size=size or card.size)
        else:
            find_package(card)
            import keras_hub  # noqa: F401
    except (WeightsError, ImportError) as error:
        why = str(error).splitlines()[0]
        reason = f"{card.name} is not available ({why[:160]})"
        return nano, f"model='auto' chose {nano}, which is bundled with kzoo: {reason}"
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
    return _of_values(data) if isinstance(data, list | np.ndarray) else "image"


def _of_suffixes(folder: Path) -> str:
    for path in sorted(itertools.islice(folder.rglob("*"), 10_000)):
        for name in ("image", "audio", "text"):
            if path.suffix.lower() in MODALITIES[name].suffixes:
                return name
        if path.suffix.lower() in known_suffixes():
            return "text"
    return "image"


def _of_names(columns: Sequence[str]) -> str:
    names = {name.strip().lower() for name in columns}
    for name in ("text", "image", "audio"):
        if names & {each.lower() for each in MODALITIES[name].usual}:
            return name
    return "image"


def _of_values(values: Any) -> str:
    first = values[0] if len(values) else None
    if not isinstance(first, str):
        return "audio" if isinstance(first, tuple) else "image"
    suffix = Path(first).suffix.lower() if len(first) < 300 else ""
    return next((name for name, each in MODALITIES.items() if suffix and suffix in each.suffixes), "text")
