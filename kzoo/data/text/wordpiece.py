"""WordPiece tokenization with core TensorFlow operations: no TF-Text, no lookup table."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.text.joining import join_words, longest_word
from kzoo.data.text.words import simplify, split_words

PAD, UNKNOWN = 0, 1
SPECIAL = 2
"""Number of the ids above; the entries of a vocabulary come after them."""

LONGEST = 20
"""Letters in a piece, at most; longer entries are never found."""

MOST = 24
"""Pieces of a word, at most; what is left of it is cut off."""


@dataclass(frozen=True)
class Vocabulary:
    """Words, and where a word is not known, the longest pieces that it is made of (as WordPiece, arXiv:1609.08144).

    Args:
        entries: separated by line feeds; those that continue a word begin with ``##``. The first has id 2: 0 is
            padding, 1 is what is not known.
        lower: whether texts are brought to lower case without accents first.
        joined: whether characters of scripts without spaces are joined to the longest entries first.
    """

    entries: str = field(hash=False, repr=False)
    lower: bool = True
    joined: bool = False

    pad: ClassVar[int] = PAD
    last: ClassVar[int | None] = None
    mask: ClassVar[int | None] = None

    @property
    def size(self) -> int:
        """Number of ids."""
        return self.entries.count("\n") + 1 + SPECIAL

    def ids(self, texts: Tensor) -> Tensor:
        """Ragged int32 (B, None) of texts, string (B,)."""
        return _compiled(self)(texts)

    def unknown(self, ids: Tensor) -> Tensor:
        """Share of a text's tokens, float32 (B,), that are not in the vocabulary."""
        missing = tf.reduce_sum(tf.cast(ids == UNKNOWN, tf.float32), axis=1)
        return tf.math.divide_no_nan(missing, tf.cast(ids.row_lengths(), tf.float32))


def read_vocabulary(entries: Mapping[int, str]) -> tuple[str, list[int]]:
    """The entries of an encoder's tokenizer in the form of `Vocabulary`, and the id that each had.

    Args:
        entries: by id: as WordPiece (``##`` continues a word), SentencePiece (``▁`` begins one) or byte-level BPE (in
            GPT-2's letters, ``Ġ`` begins one) write them. Names in brackets, as ``[CLS]`` or ``<s>``, are left out.
    """
    plain = {number: entry for number, entry in entries.items() if not re.fullmatch(r"\[[^\]]+\]|<[^>]+>", entry)}
    begins = next((mark for mark in ("▁", "Ġ") if any(entry.startswith(mark) for entry in plain.values())), "")
    made: dict[str, int] = {}
    for number, entry in sorted(plain.items()):
        if begins:
            word = entry.removeprefix(begins)
            starts = entry.startswith(begins)
        else:
            word, starts = entry.removeprefix("##"), not entry.startswith("##") or entry == "##"
        word = _letters(word) if begins == "Ġ" else word
        if word and not re.search(r"\s|\ufffd", word):
            made.setdefault(word if starts else f"##{word}", number)
    # A character that is a word by itself wherever it stands is found as one.
    alone = [entry for entry in made if len(entry) == 3 and entry.startswith("##") and entry[2:] not in made]
    made |= {entry[2:]: made[entry] for entry in alone}
    return "\n".join(made), list(made.values())


def _letters(entry: str) -> str:
    """The text that an entry of byte-level BPE stands for: each of its letters is a byte."""
    return bytes(_bytes().get(letter, 0xFF) for letter in entry).decode("utf-8", errors="replace")


@functools.cache
def _bytes() -> dict[str, int]:
    """The letter of each byte in GPT-2's vocabularies: itself where it can be printed, else one from 256 on."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {chr(byte): byte for byte in printed} | {chr(256 + place): byte for place, byte in enumerate(others)}


@functools.lru_cache(maxsize=8)
def _compiled(vocabulary: Vocabulary) -> Tensor:
    """From texts to ragged ids, as one graph: many small operations take long one by one."""
    signature = [tf.TensorSpec((None,), tf.string)]
    with tf.init_scope():
        return tf.function(functools.partial(_ids, vocabulary), input_signature=signature, autograph=False)


def _ids(vocabulary: Vocabulary, texts: Tensor) -> Tensor:
    words = split_words(simplify(texts) if vocabulary.lower else texts, lower=False)
    if vocabulary.joined:
        entries = vocabulary.entries
        words = join_words(words, most=longest_word(entries), known=lambda runs: _find(runs, entries) != UNKNOWN)
    flat = words.flat_values
    found = _find(flat, vocabulary.entries)
    strange = tf.where(found == UNKNOWN)
    pieces = _pieces(tf.gather_nd(flat, strange), vocabulary.entries)
    padded = tf.pad(found[:, None], [[0, 0], [0, MOST - 1]], constant_values=PAD)
    rows = tf.tensor_scatter_nd_update(padded, strange, pieces)
    by_word = tf.ragged.boolean_mask(rows, rows != PAD)
    return words.with_flat_values(by_word).merge_dims(1, 2)


@functools.lru_cache(maxsize=8)
def _table(entries: str) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all entries in ascending order, int64, and the id of each."""
    with tf.init_scope():
        hashes = _hash(tf.constant(entries.split("\n"))).numpy()
    order = np.argsort(hashes, kind="stable")
    return hashes[order], (order + SPECIAL).astype(np.int32)


def _hash(words: Tensor) -> Tensor:
    """62 bits: that two words of a million share one has a chance of one in ten million."""
    return tf.strings.to_hash_bucket_fast(words, 1 << 62)


def _find(words: Tensor, entries: str) -> Tensor:
    """The id of each word, int32 (N,); `UNKNOWN` where there is none."""
    hashes, ids = _table(entries)
    wanted = _hash(words)
    places = tf.minimum(tf.searchsorted(hashes, wanted), len(ids) - 1)
    return tf.where(tf.gather(tf.constant(hashes), places) == wanted, tf.gather(tf.constant(ids), places), UNKNOWN)


def _pieces(words: Tensor, entries: str) -> Tensor:
    """Ids of the longest pieces of each word, from its beginning, int32 (N, MOST); a letter in none is not known."""
    lengths = tf.strings.length(words, unit="UTF8_CHAR")
    # A piece may not reach beyond the end of a string.
    padded = tf.strings.join([words, tf.constant(" " * (LONGEST + 1))])
    sizes = tf.range(1, LONGEST + 1)

    def step(starts: Tensor) -> tuple[Tensor, Tensor]:
        at = tf.minimum(starts, lengths)[:, None]
        parts = tf.strings.substr(
            tf.repeat(padded[:, None], LONGEST, axis=1), tf.repeat(at, LONGEST, axis=1), _rows(sizes, at), "UTF8_CHAR"
        )
        parts = tf.where(at > 0, tf.strings.join(["##", parts]), parts)
        found = tf.reshape(_find(tf.reshape(parts, (-1,)), entries), tf.shape(parts))
        fits = (found != UNKNOWN) & (at + sizes[None] <= lengths[:, None])
        longest = tf.reduce_max(tf.where(fits, sizes[None], 0), axis=1)
        ids = tf.gather(found, tf.maximum(longest - 1, 0), batch_dims=1)
        ids = tf.where(longest > 0, ids, UNKNOWN)
        return starts + tf.maximum(longest, 1), tf.where(starts < lengths, ids, PAD)

    def body(number: Tensor, starts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        starts, ids = step(starts)
        return number + 1, starts, rows + ids[:, None] * tf.one_hot(number, MOST, dtype=tf.int32)

    _, _, rows = tf.while_loop(
        lambda number, starts, _: (number < MOST) & tf.reduce_any(starts < lengths),
        body,
        (tf.constant(0), tf.zeros_like(lengths), tf.fill((tf.shape(words)[0], MOST), PAD)),
    )
    return rows


def _rows(sizes: Tensor, like: Tensor) -> Tensor:
    return tf.repeat(sizes[None], tf.shape(like)[0], axis=0)
