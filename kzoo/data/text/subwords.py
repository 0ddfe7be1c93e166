"""Subwords: the tokenizers of KerasHub, described by plain values."""

from __future__ import annotations

import base64
import functools
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import tensorflow as tf

from kzoo.core.tensors import Config, Tensor
from kzoo.specs.checked_json import anything, checked, record, text

LARGEST = 96 << 20
"""Most characters of the files of a tokenizer."""


@dataclass(frozen=True)
class Subwords:
    """A tokenizer of KerasHub's, by its configuration and its files (extra ``text``).

    Args:
        config: as `keras.saving.serialize_keras_object` returns it.
        files: its vocabulary, by file name, in base64.
        first, last: ids before and after each text, or None.
        pad: id of padding.
        unk: id of unknown tokens, or None where there are none.
        lower: whether texts are brought to lower case first. KerasHub's own way folds more than case (0.32): it makes
            full-width punctuation, which Chinese is written with, narrow.
    """

    config: Config = field(hash=False)
    files: Mapping[str, str] = field(hash=False, repr=False)
    first: int | None
    last: int | None
    pad: int
    unk: int | None
    lower: bool = False

    @classmethod
    def of(cls, tokenizer: keras.Layer) -> Subwords:
        """The description of a KerasHub tokenizer."""
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save_assets(folder)
            files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in Path(folder).iterdir()}
        config = keras.saving.serialize_keras_object(tokenizer)
        lower = bool(config["config"].get("lowercase"))
        name = getattr(tokenizer, "oov_token", None) or getattr(tokenizer, "unk_token", None)
        return cls(
            config={**config, "config": {**config["config"], "lowercase": False}} if lower else config,
            files=files,
            first=getattr(tokenizer, "start_token_id", None),
            last=getattr(tokenizer, "end_token_id", None),
            pad=tokenizer.pad_token_id,
            unk=tokenizer.token_to_id(name) if name else None,
            lower=lower,
        )

    def ids(self, texts: Tensor) -> Tensor:
        """Ragged int32 (B, None) of texts, string (B,), with what begins and ends each."""
        texts = tf.strings.lower(texts, encoding="utf-8") if self.lower else texts
        found = tf.cast(_subwords(json.dumps(self.config), tuple(self.files.items()))(texts), tf.int32)
        rows = found.nrows()
        ends = [tf.fill((rows, 1), end) if end is not None else None for end in (self.first, self.last)]
        return tf.concat([each for each in (ends[0], found, ends[1]) if each is not None], axis=1)

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.entries())

    @property
    def mask(self) -> int | None:
        """Id of what stands for a token that is to be guessed."""
        return getattr(_tokenizer(json.dumps(self.config), tuple(self.files.items())), "mask_token_id", None)

    def entries(self) -> dict[int, str]:
        """The vocabulary, as the tokenizer writes it, by id."""
        tokenizer = _tokenizer(json.dumps(self.config), tuple(self.files.items()))
        return {number: str(tokenizer.id_to_token(number)) for number in range(tokenizer.vocabulary_size())}

    def unknown(self, ids: Tensor) -> Tensor:
        """Share of a text's tokens, float32 (B,), that the vocabulary does not know."""
        if self.unk is None:
            return tf.zeros(tf.shape(ids.row_lengths())[0])
        return tf.math.divide_no_nan(
            tf.reduce_sum(tf.cast(ids == self.unk, tf.float32), axis=1), tf.cast(ids.row_lengths(), tf.float32)
        )


@functools.lru_cache(maxsize=8)
def find_subwords(reads: str) -> Subwords:
    """The tokenizer of a preset of KerasHub's, or of a folder in Hugging Face's form.

    Args:
        reads: JSON of ``preset`` and of arguments of its tokenizer.

    Raises:
        ImportError: KerasHub is not installed.
        OSError: the preset is not there and cannot be fetched.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError("Text encoders need KerasHub: pip install 'kzoo[text]'") from error
    arguments = json.loads(reads)
    return Subwords.of(keras_hub.models.Tokenizer.from_preset(arguments.pop("preset"), **arguments))


@functools.lru_cache(maxsize=8)
def _subwords(config: str, files: tuple[tuple[str, str], ...]) -> Callable[[Tensor], Tensor]:
    """From texts to ragged ids, by the tokenizer of a description."""
    tokenize = _tokenizer(config, files).tokenize
    with tf.init_scope():
        # KerasHub gives lists where it is called eagerly (0.32).
        return tf.function(tokenize, input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)


@functools.lru_cache(maxsize=8)
def _tokenizer(config: str, files: tuple[tuple[str, str], ...]) -> keras.Layer:
    """The tokenizer of a description, made once in a process, outside of all graphs."""
    import keras_hub

    with tf.init_scope(), tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            (Path(folder) / Path(name).name).write_bytes(base64.b64decode(content))
        described = json.loads(config)
        kind = keras.saving.get_registered_object(described["registered_name"])
        if not isinstance(kind, type) or not issubclass(kind, keras_hub.models.Tokenizer):
            raise ValueError(f"KerasHub has no tokenizer class {described['registered_name']!r}.")
        tokenizer = keras.saving.deserialize_keras_object(described)
        tokenizer.load_assets(folder)
        return tokenizer


def check_config(value: object, name: str) -> Config:
    """The configuration of a tokenizer of KerasHub's: plain values, and no path to a vocabulary."""
    found = checked(value, dict.fromkeys(("module", "class_name", "config", "registered_name"), anything), name=name)
    package, _, class_name = str(found.get("registered_name")).partition(">")
    named = class_name == found.get("class_name") and re.fullmatch(r"[A-Za-z0-9_]+Tokenizer", class_name)
    if package != "keras_hub" or not named:
        raise ValueError(
            f"{name} must describe a tokenizer of KerasHub. Got {str(found.get('registered_name'))[:100]!r}."
        )
    for key, inner in record(found.get("config"), name).items():
        if key in ("vocabulary", "merges", "proto") and isinstance(inner, str):
            raise ValueError(f"{name}.{key} must not be a path. The vocabulary is stored beside the tokenizer.")
        if isinstance(inner, dict) and (key != "dtype" or inner.get("class_name") != "DTypePolicy"):
            raise ValueError(f"{name}.{key} must be a plain value. Got a dict.")
    return found


def check_files(value: object, name: str) -> dict[str, str]:
    """Contents in base64, by plain names of files."""
    content = text(LARGEST)
    files = record(value, name)
    for file in files:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", file):
            raise ValueError(f"{name} must have plain file names. Got {file[:100]!r}.")
    return {file: content(each, f"{name}.{file}") for file, each in files.items()}
