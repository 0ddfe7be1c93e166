"""The card in a saved folder, checked field by field, so that a file cannot choose what is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kzoo.specs.card import SCALINGS, BackboneSpec, WeightFile
from kzoo.specs.catalog.hub_text import PACKAGE
from kzoo.specs.catalog.modality import MODALITY_SPECS
from kzoo.specs.checked_json import (
    Check,
    Fields,
    anything,
    checked,
    either,
    flag,
    many,
    maybe,
    number,
    one_of,
    text,
    whole,
)

LONGEST = 1 << 26
"""Pixels, tokens or samples of an input."""

SOURCES = ("keras", "keras_cv", "keras_hub", "kzoo", "user", "pretrained")

BUCKETS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/",
    "https://storage.googleapis.com/keras-applications/",
)
"""Where Keras publishes weights."""

OPENER = "kzoo.results.pretrained.open_backbone"
"""The constructor of what `kzoo.results.pretrained.Pretrained.register` adds."""

ENCODER = "kzoo.models.zoo.text.encoder"

BAG = "kzoo.models.zoo.text.ngram_bag"

_FORMER = {
    "kzoo.models.audio.": "kzoo.models.zoo.audio.",
    "kzoo.models.image.": "kzoo.models.zoo.image.",
    "kzoo.models.text.": "kzoo.models.zoo.text.",
    "kzoo.pretrained.": "kzoo.results.pretrained.",
}
"""Where constructors stood in kzoo 0.1, and where they stand now."""

FRONT: dict[str, Check] = {
    "kind": one_of(("log_mel", "whisper", "waveform")),
    "rate": whole(1, 1_000_000),
    "frame": whole(1, 1 << 16),
    "hop": whole(1, 1 << 16),
    "mels": whole(1, 1024),
    "low": number(0, 1_000_000),
    "high": number(0, 1_000_000),
}
"""Fields of `kzoo.data.audio.spectrogram.FrontEnd`."""

ROW_COLUMN: dict[str, Check] = {
    "name": text(10_000),
    "kind": one_of(("number", "category", "date", "unused")),
    "center": number(-1e300, 1e300),
    "spread": number(1e-300, 1e300),
    "gaps": flag,
    "clock": flag,
    "vocabulary": many(text(100_000), most=10_000),
    "absent": flag,
}
"""Fields of `kzoo.data.row.columns.RowColumn`."""

_VOCABULARY = 64 << 20
SERIES_SCALE: dict[str, Check] = {
    "mean": many(number(-1e30, 1e30), most=1 << 16),
    "deviation": many(number(1e-30, 1e30), most=1 << 16),
    "gaps": many(flag, most=1 << 16),
}
"""The fields of `kzoo.data.series.preprocess.SeriesPreprocessor`, but for its length."""

_READS: dict[str, Check] = {
    **FRONT,
    **SERIES_SCALE,
    "entries": text(_VOCABULARY),
    "lower": flag,
    "joined": flag,
    "lowercase": flag,
    "strip_accents": flag,
    "buckets": whole(2, 1 << 28),
    "ngrams": many(whole(1, 10), most=10),
    "pieces": many(whole(1, 20), most=20),
    "blocks": flag,
    "columns": many(lambda value, name: checked(value, ROW_COLUMN, name=name, needed=tuple(ROW_COLUMN)), most=10_000),
}
"""How raw text, sound, rows or series become an input, apart from ``preset`` and ``inside``."""


def present_card(values: object) -> object:
    """The fields of a card that kzoo 0.1 wrote, with the present name of its constructor."""
    if not isinstance(values, Mapping) or not isinstance(values.get("constructor"), str):
        return values
    name = values["constructor"]
    found = next((former for former in _FORMER if name.startswith(former)), None)
    return {**values, "constructor": _FORMER[found] + name.removeprefix(found)} if found else values


def restore_card(values: object, *, known: Mapping[str, BackboneSpec]) -> BackboneSpec:
    """The card of its fields as plain values from a file.

    The constructor must be that of a card in `known`, and its arguments must be of the kinds that such cards have.

    Args:
        values: the content of a file.
        known: the catalog and the cards that this process registered.

    Raises:
        ValueError: a field is unknown, of another type or out of bounds; or names a function, a folder or an address
            that no known card names.
    """
    cards = list(known.values())
    files = {file for card in cards for file in card.weights}
    constructors = {"", OPENER, *(card.constructor for card in cards)}
    weights = many(lambda value, name: _weight_file(value, name, files), most=50)
    checks: dict[str, Check] = {
        "name": text(2_000),
        "constructor": one_of(constructors),
        "arguments": anything,
        "modality": one_of(MODALITY_SPECS),
        "size": whole(1, LONGEST),
        "min_size": whole(1, LONGEST),
        "multiple": whole(1, 10_000),
        "scaling": one_of(SCALINGS),
        "reads": anything,
        "scripts": lambda value, name: tuple(many(text(20), most=200)(value, name)),
        "rate": maybe(number(0, 10)),
        "parameters": maybe(whole(0, 1 << 40)),
        "width": maybe(whole(1, 1 << 24)),
        "top1": maybe(number(0, 1)),
        "top5": maybe(number(0, 1)),
        "weights": lambda value, name: tuple(weights(value, name)),
        "inside": one_of({"", *(card.inside for card in cards)}),
        "licence": text(2_000),
        "paper": text(2_000),
        "source": one_of(SOURCES),
    }
    constructor = values.get("constructor", "") if isinstance(values, Mapping) else ""
    if isinstance(constructor, str) and constructor not in constructors:
        raise ValueError(
            f"the constructor {constructor[:200]!r} is not one of kzoo's and is not registered in this process. "
            "If it is yours, call kzoo.register before you open the folder"
        )
    found = checked(values, checks, name="card", needed=("name", "constructor"))
    alike = [card for card in cards if card.constructor == found["constructor"]]
    found["arguments"] = _arguments(found["constructor"], found.get("arguments", {}), alike)
    found["reads"] = _reads(found.get("reads", {}), cards)
    return _without_package_path(BackboneSpec(**found), alike)


def _arguments(constructor: str, values: object, alike: Sequence[BackboneSpec]) -> Fields:
    """Arguments of a constructor that cards have in common: the same names, the same types, known strings."""
    if constructor == OPENER:
        checks: dict[str, Check] = {"folder": _folder, "channels": whole(1, 4)}
        return checked(values, checks, name="card.arguments", needed=tuple(checks))
    examples: dict[str, list[object]] = {}
    for card in alike:
        for name, value in card.arguments.items():
            examples.setdefault(name, []).append(value)
    checks = {name: _like(values) for name, values in examples.items()}
    if "preset" in checks:
        checks["preset"] = either(checks["preset"], _folder)
    if constructor == ENCODER:
        checks |= {"pooling": one_of(("mean", "cls")), "exact_gelu": flag}
    if "categories" in checks:
        checks["categories"] = many(whole(1, 1 << 20), most=10_000)
    if constructor == BAG:
        # The first is that of `ngrams` in kzoo 0.1, the second that of `kzoo.align_languages`.
        checks |= {"power": number(0, 1), "languages": flag}
    return checked(values, checks, name="card.arguments")


def _like(examples: Sequence[object]) -> Check:
    """Accepts values of the type of one of the examples; strings must be one of them."""
    kinds: list[Check] = []
    strings: set[str] = set()
    items: list[object] = []
    for example in examples:
        if isinstance(example, list | tuple):
            items += example
        elif isinstance(example, str):
            strings.add(example)
    plain = [example for example in examples if not isinstance(example, list | tuple | str | Mapping)]
    if any(isinstance(each, bool) for each in plain):
        kinds.append(flag)
    if any(each is None for each in plain):
        kinds.append(one_of((None,)))
    if any(isinstance(each, int | float) and not isinstance(each, bool) for each in plain):
        whole_only = all(isinstance(each, int) for each in plain)
        kinds.append(whole(0, 1 << 24) if whole_only else number(0, 1 << 24))
    if strings:
        kinds.append(one_of(strings))
    if items:
        kinds.append(many(_like(items), most=1_000))
    return either(*kinds) if kinds else one_of(())


def _reads(values: object, cards: Sequence[BackboneSpec]) -> Fields:
    presets = {card.reads["preset"] for card in cards if "preset" in card.reads}
    insides = {card.reads["inside"] for card in cards if "inside" in card.reads}
    places: dict[str, Check] = {"preset": either(one_of(presets), _folder), "inside": one_of(insides)}
    others: dict[str, list[object]] = {}
    for card in cards:
        for name, value in card.reads.items():
            others.setdefault(name, []).append(value)
    like = {name: _like(examples) for name, examples in others.items()}
    return checked(values, {**like, **_READS, **places}, name="card.reads")


def _folder(value: object, name: str) -> str:
    """An absolute path of this machine. Its content is checked when it is opened."""
    path: str = text(4_096)(value, name)
    if "://" in path or not Path(path).is_absolute():
        raise ValueError(f"{name} must be the absolute path of a folder. Got {path[:100]!r}.")
    return path


def _weight_file(values: object, name: str, files: set[WeightFile]) -> WeightFile:
    checks: dict[str, Check] = {
        "name": text(200),
        "url": text(1_000),
        "digest": maybe(text(64)),
        "size": maybe(whole(1, LONGEST)),
    }
    file = WeightFile(**checked(values, checks, name=name, needed=("name", "url")))
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", file.name) and file.url.startswith(BUCKETS)
    if file not in files and not (plain and ".." not in file.url):
        raise ValueError(f"{name} must be a file that Keras publishes. Got {file.name[:100]!r} at {file.url[:100]!r}.")
    return file


def _without_package_path(card: BackboneSpec, alike: Sequence[BackboneSpec]) -> BackboneSpec:
    """The card with the name of a package in place of a path into it, which is another one on another machine."""
    presets = {each.reads["preset"] for each in alike if str(each.reads.get("preset", "")).startswith(PACKAGE)}

    def named(values: Mapping[str, object]) -> dict[str, object]:
        path = str(values.get("preset", ""))
        inside = (each for each in presets if Path(path).as_posix().endswith("/" + each.removeprefix(PACKAGE)))
        found = next(inside, None)
        return {**values, "preset": found} if found else dict(values)

    return replace(card, arguments=named(card.arguments), reads=named(card.reads))
