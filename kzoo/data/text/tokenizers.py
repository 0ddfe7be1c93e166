"""Tokenizers: from strings to token ids, in TensorFlow operations that are exported with the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from kzoo.core.storage import NANO
from kzoo.core.tensors import Tensor
from kzoo.data.text.subwords import LARGEST, Subwords, check_config, check_files, find_subwords
from kzoo.data.text.wordpiece import Vocabulary
from kzoo.data.text.words import split_words
from kzoo.specs.checked_json import Check, Fields, checked, flag, many, maybe, text, whole


@dataclass(frozen=True)
class HashingTokenizer:
    """Words, or characters of scripts without spaces, and what they are made of, as hashes: no vocabulary at all.

    Args:
        buckets: number of ids; 0 is padding. Two words share an id by chance, once in so many.
        ngrams: lengths of runs of tokens, as (1, 2): words and pairs of words (arXiv:1607.01759).
        pieces: lengths of runs of characters within a word, as (3, 4, 5) (arXiv:1607.04606); none: whole words only.
        blocks: whether words and their runs have the lower half of the ids to themselves, and pieces the upper half.
    """

    buckets: int = 1 << 16
    ngrams: Sequence[int] = (1,)
    pieces: Sequence[int] = ()
    blocks: bool = False

    pad: ClassVar[int] = 0
    last: ClassVar[int | None] = None
    mask: ClassVar[int | None] = None

    @property
    def size(self) -> int:
        """Number of ids."""
        return self.buckets

    def ids(self, texts: Tensor) -> Tensor:
        """Ragged int32 (B, None) of texts, string (B,)."""
        words = split_words(texts)
        parts = [words] if 1 in self.ngrams else []
        longer = [length for length in self.ngrams if length > 1]
        if longer:
            parts.append(tf.strings.ngrams(words, longer, separator=" "))
        if self.pieces:
            letters = tf.strings.unicode_split(tf.strings.join(["<", words, ">"]), "UTF-8")
            runs = tf.strings.ngrams(letters, list(self.pieces), separator="")
            parts.append(tf.strings.join(["#", runs.merge_dims(1, 2)]))
        if self.blocks:
            half = self.buckets // 2
            hashed = [tf.cast(tf.strings.to_hash_bucket_fast(part, half - 1), tf.int32) for part in parts]
            starts = [1] * (len(parts) - bool(self.pieces)) + [half] * bool(self.pieces)
            return tf.concat([ids + start for ids, start in zip(hashed, starts, strict=True)], axis=1)
        found = parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
        return tf.cast(tf.strings.to_hash_bucket_fast(found, self.buckets - 1), tf.int32) + 1

    def unknown(self, ids: Tensor) -> Tensor:
        """Share of tokens that are not known: none, where each word has a hash."""
        return tf.zeros(tf.shape(ids.row_lengths())[0])


Tokenizer = HashingTokenizer | Vocabulary | Subwords


def restore(values: Mapping[str, object]) -> Tokenizer:
    """The tokenizer of its fields as plain values, as JSON has them, each of them checked.

    Raises:
        ValueError: a field is unknown, of another type or out of bounds; or it does not describe a tokenizer
            of KerasHub with its vocabulary.
    """
    kind = Subwords if "config" in values else Vocabulary if "entries" in values else HashingTokenizer
    found = checked(values, _FIELDS[kind], name="tokenizer")
    plain: Fields = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return kind(**plain)


_ID = maybe(whole(0, 1 << 31))
_FIELDS: dict[type, dict[str, Check]] = {
    HashingTokenizer: {
        "buckets": whole(2, 1 << 28),
        "ngrams": many(whole(1, 10), most=10),
        "pieces": many(whole(1, 20), most=20),
        "blocks": flag,
    },
    Vocabulary: {"entries": text(LARGEST), "lower": flag, "joined": flag},
    Subwords: {
        "config": check_config,
        "files": check_files,
        **dict.fromkeys(("first", "last", "pad", "unk"), _ID),
        "lower": flag,
    },
}
"""Checks of the fields of each kind of tokenizer."""


def find_tokenizer(reads: Mapping[str, object]) -> Tokenizer:
    """The tokenizer that a card asks for.

    Args:
        reads: the fields of `HashingTokenizer` or of `kzoo.data.text.wordpiece.Vocabulary`; or ``preset``, a preset
            of KerasHub's or a folder in Hugging Face's form, and arguments of its tokenizer; or ``inside``, a file of
            entries that comes with kzoo.

    Raises:
        ImportError: KerasHub is not installed.
        OSError: the preset is not there and cannot be fetched.
    """
    if "inside" in reads:
        entries = (NANO / str(reads["inside"])).read_text(encoding="utf-8")
        return restore({**{name: value for name, value in reads.items() if name != "inside"}, "entries": entries})
    if "preset" not in reads:
        return restore(reads)
    return find_subwords(json.dumps(dict(reads), sort_keys=True))
