"""Folders of pretrained networks, in Hugging Face's form or KerasHub's: checked before KerasHub opens them."""

from __future__ import annotations

import os
from pathlib import Path

from kzoo.core.tensors import Config
from kzoo.models.files.arrays import check_h5, check_safetensors
from kzoo.models.files.configs import LARGEST, check_config, class_of
from kzoo.specs.checked_json import MEGABYTE, read_json

MOST_FILES = 10_000

LARGEST_VOCABULARY = 64 * MEGABYTE
"""Bytes of one file of a tokenizer. That of XLM-RoBERTa has 9 MB."""

DEEPEST = 1_000
"""Blocks of an encoder. The deepest of KerasHub's has 48."""

_CONFIG, _INDEX, _SHARDS = "config.json", "model.safetensors.index.json", "model.weights.json"
_SAFE, _H5 = "model.safetensors", "model.weights.h5"
_TOKENIZER, _TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
_CONVERTERS = {"image_converter.json": "ImageConverter", "audio_converter.json": "AudioConverter"}
_DEPTHS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")


def is_preset(folder: str | Path) -> bool:
    """Whether a folder has the files of a preset, and not those of a saved kzoo model."""
    return Path(folder, _CONFIG).is_file() and not Path(folder, "card.json").exists()


def check_preset(folder: str | Path) -> int:
    """The number of weights in a folder of a preset, after a look at all that KerasHub reads of it.

    Raises:
        FileNotFoundError: it has no configuration.
        ValueError: a file leads out of it, or needs code of its own, or is damaged or far too large.
    """
    folder = Path(folder)
    _check_links(folder)
    config = read_json(folder / _CONFIG, most=LARGEST)
    if not isinstance(config, dict):
        raise ValueError(f"{_CONFIG} of {folder} must hold a dict.")
    for path in [*(folder / name for name in _VOCABULARIES), *folder.glob("assets/**/*")]:
        if path.is_file() and path.stat().st_size > LARGEST_VOCABULARY:
            raise ValueError(f"{path} must have at most {LARGEST_VOCABULARY:,} bytes.")
    others = [folder / name for name in (_TOKENIZER, _TOKENIZER_CONFIG, _INDEX, _SHARDS, *_CONVERTERS)]
    read = {path.name: read_json(path, most=LARGEST_VOCABULARY) for path in others if path.is_file()}
    if "registered_name" in config:
        _check_hub(config, read)
    else:
        _check_plain(config, read.get(_TOKENIZER_CONFIG))
    return _count(folder, read)


def _check_links(folder: Path) -> None:
    """Raises where a link leads out of the folder, or out of the cache of Hugging Face's that it belongs to."""
    home = folder.parent.parent if folder.parent.name == "snapshots" else folder
    root, count = home.resolve(), 0
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path, count = Path(place, name), count + 1
            if not path.resolve().is_relative_to(root):
                raise ValueError(
                    f"{path} is a link that leads out of the folder. Copy its target into the folder instead."
                )
            if count > MOST_FILES:
                raise ValueError(f"{folder} must have at most {MOST_FILES:,} files. It has more.")
            if name in files and not path.is_file():
                raise ValueError(f"{path} must be a plain file.")


def _check_plain(config: Config, tokenizer: object) -> None:
    """Reads a folder in Hugging Face's form."""
    if "auto_map" in config or (isinstance(tokenizer, dict) and "auto_map" in tokenizer):
        raise ValueError("The model needs code of its own (auto_map), which kzoo does not run.")
    if not isinstance(config.get("model_type"), str):
        raise ValueError(f"{_CONFIG} must name a model_type, as Hugging Face's do.")
    for name in _DEPTHS:
        if name in config and not (type(config[name]) is int and 0 < config[name] <= DEEPEST):
            raise ValueError(f"{name} must be an int in [1, {DEEPEST}]. Got {str(config[name])[:50]}.")
    if wrong := [name for name in ("auto_class", "custom_pipelines") if name in config]:
        raise ValueError(f"The model needs code of its own ({', '.join(wrong)}), which kzoo does not run.")


def _check_hub(config: Config, read: Config) -> None:
    """Of a folder in KerasHub's form, its configuration and what else is read of it."""
    import keras_hub

    parts = [(keras_hub.models.Backbone, config), (keras_hub.models.Tokenizer, read.get(_TOKENIZER))]
    parts += [(getattr(keras_hub.layers, kind), read.get(name)) for name, kind in _CONVERTERS.items()]
    for wanted, value in parts:
        if value is None:
            continue  # An encoder of sound has no tokenizer.
        check_config(value)
        found = class_of(value)
        if not issubclass(found, wanted):
            raise ValueError(f"A preset has a {wanted.__name__} of KerasHub's. This one has a {found.__name__}.")
        depth = value["config"].get("num_layers", 1) if isinstance(value.get("config"), dict) else 0
        if not (type(depth) is int and 0 < depth <= DEEPEST):
            raise ValueError(f"num_layers must be an int in [1, {DEEPEST}]. Got {str(depth)[:50]}.")


def _count(folder: Path, read: Config) -> int:
    """The number of weights in all of a folder's files of weights."""
    shards = {_SAFE, _H5}
    for index in (_INDEX, _SHARDS):
        if index in read:
            shards |= _named(read[index], index)
    counts = [
        check_safetensors(path)
        if path.suffix == ".safetensors"
        else check_h5(path, stored=path.stat().st_size, name=path.name)
        for path in (folder / name for name in sorted(shards))
        if path.is_file()
    ]
    pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.pkl") for path in folder.glob(pattern)]
    if not counts:
        came = f" It has {', '.join(sorted(pickles)[:3])}, a pickle, which runs code. Convert it." if pickles else ""
        raise ValueError(f"{folder} must have {_SAFE}.{came}")
    return sum(counts)


def _named(index: object, name: str) -> set[str]:
    """The files of an index: plain names of files in the same folder."""
    values = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(values, dict):
        raise ValueError(f"{name} must have a weight_map.")
    found = {each for value in values.values() for each in (value if isinstance(value, list) else [value])}
    for each in found:
        if not isinstance(each, str) or Path(each).name != each or not each.endswith((".safetensors", ".weights.h5")):
            raise ValueError(f"{name} must name files of weights in its folder. Got {str(each)[:100]!r}.")
    return found
