"""The backbone that ``"auto"`` stands for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kzoo.data.modalities import MODALITIES, has_parts, named_modalities
from kzoo.data.multimodal.parts import find_present, modality_of, part_names
from kzoo.data.sources.forms import find_source, known_suffixes
from kzoo.data.sources.reading import is_splits
from kzoo.models.weights import WeightsError, find_weights
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.bundled import NANO
from kzoo.specs.catalog.hub_text import find_package
from kzoo.specs.catalog.modality import MODALITY_SPECS
from kzoo.specs.fusion import Fusion
from kzoo.specs.registry import get_card
from kzoo.specs.task import Task

FALLBACK = "image"
"""The modality of data that looks like none."""

TABLES = "text"
"""The modality of a folder of tables."""

FEW_LETTERS = 0.2
"""The share of letters in scripts that a backbone was not trained on, up to which it counts as trained on the texts."""


def choose_model(modality: str, column: np.ndarray | None = None, *, size: int | None) -> tuple[str, str]:
    """The name of a backbone, and a note on why it was chosen.

    A good small one whose weights are there or can be fetched; else the one that comes with kzoo. For texts each must
    have been trained on their scripts; where neither was, one that needs no pretraining.

    Args:
        modality: name of a modality.
        column: its training examples, as they came; None: unknown.
        size: of the input; None: the backbone's own.
    """
    spec, bundled = MODALITY_SPECS[modality], NANO.get(modality)
    if not bundled and spec.untrained_model:
        return spec.untrained_model, f"model='auto' chose {spec.untrained_model}, which is trained from the start"
    if not bundled:
        raise ValueError(f"model='auto' has no model for {MODALITIES[modality].noun}s. Pass a model, or its name.")
    scripts = MODALITIES[modality].scripts
    shares = scripts(column) if scripts and column is not None else {}
    reasons: list[str] = []
    if spec.first_model:
        card = get_card(spec.first_model)
        missing = unread_scripts(card, shares) or _unavailable(card, size=size)
        if not missing:
            return card.name, f"model='auto' chose {card.name}"
        reasons.append(missing)
    if missing := unread_scripts(get_card(bundled), shares):
        reasons.append(missing)
        return spec.untrained_model, f"model='auto' chose {spec.untrained_model}: {'; '.join(reasons)}"
    return bundled, ": ".join([f"model='auto' chose {bundled}, which is bundled with kzoo", *reasons])


def choose_models(column: np.ndarray, *, size: int | None) -> tuple[Fusion, str]:
    """A fusion of what `choose_model` says for each modality of examples of several inputs, and a note on why.

    Args:
        column: training examples, as they came.
        size: of images; None: the backbone's own.
    """
    chosen: dict[str, tuple[str, str]] = {}
    for part in part_names(column):
        name, values = modality_of(part), column[part]
        if name not in chosen:
            asked = size if MODALITY_SPECS[name].square else None
            chosen[name] = choose_model(name, values[find_present(values)], size=asked)
    return Fusion([model for model, _ in chosen.values()]), "; ".join(note for _, note in chosen.values())


def unread_scripts(card: BackboneSpec, shares: Mapping[str, float]) -> str:
    """A sentence on the scripts that a card's weights were not trained on, if many letters are in them; else "".

    Args:
        card: the card.
        shares: of letters in each script, see `kzoo.data.text.scripts.script_shares`.
    """
    others = {script: share for script, share in shares.items() if script not in card.scripts}
    if not card.scripts or sum(others.values()) <= FEW_LETTERS:
        return ""
    found = ", ".join(f"{share:.0%} {script}" for script, share in list(others.items())[:3])
    return f"{card.name} was trained on {', '.join(card.scripts)}, and the texts have {found}"


def _unavailable(card: BackboneSpec, *, size: int | None) -> str:
    """Why a card's weights cannot be had, or ""."""
    try:
        if card.weights:
            find_weights(card, size=size or card.size)
        else:
            find_package(card)
            import keras_hub  # noqa: F401
    except (WeightsError, ImportError) as error:
        return f"{card.name} is not available ({str(error).splitlines()[0][:160]})"
    return ""


def guess_modality(task: Task) -> str:
    """The name of the modality that a task has, or that its data looks like."""
    if has_parts(task):
        return next(each.name for each in MODALITIES.values() if each.choose)
    named = named_modalities(task)
    if named:
        return named[0].name
    data = task.data
    if is_splits(data):
        data = next(iter(data.values()), None)
    if isinstance(data, str | Path) and Path(data).expanduser().is_dir():
        return _of_suffixes(Path(data).expanduser())
    source, data = find_source(data)
    if source and source.columns:
        return _of_names(source.columns(data))
    if isinstance(data, tuple) and len(data) == 2:
        data = data[0]
    if hasattr(data, "columns"):
        return _of_names([str(name) for name in data.columns])
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
    return next((each.name for each in MODALITIES.values() if each.named), FALLBACK)


def _of_values(values: Sequence[object] | np.ndarray) -> str:
    first = values[0] if len(values) else None
    suffix = Path(first).suffix.lower() if isinstance(first, str) and len(first) < 300 else ""
    for each in MODALITIES.values():
        if suffix and suffix in each.suffixes:
            return each.name
    return next((each.name for each in MODALITIES.values() if each.looks(first)), FALLBACK)
