"""Words: how a text is split before any vocabulary is applied."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor

_ALONE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{P}\p{S}]"
"""Characters that are tokens by themselves: those of scripts that put no spaces, and punctuation."""

_SPACES = r"[\p{Z}\p{Cc}]"
"""Whatever space there is in Unicode, and control characters: TensorFlow splits at those of ASCII alone."""

_SIMPLE = 0x2000
"""Code points below it lose their accents; above it are hardly any."""


def split_words(texts: Tensor, *, lower: bool = True) -> Tensor:
    """Ragged words, string (B, None): cut at spaces; punctuation and spaceless characters stand alone."""
    lowered = tf.strings.lower(texts, encoding="utf-8") if lower else texts
    spaced = tf.strings.regex_replace(tf.strings.regex_replace(lowered, _ALONE, r" \0 "), _SPACES, " ")
    return tf.strings.split(spaced)


def is_alone(letters: Tensor) -> Tensor:
    """Whether letters in lower case, string (N,), are tokens by themselves, bool (N,)."""
    return tf.strings.regex_full_match(letters, _ALONE)


def is_space(letters: Tensor) -> Tensor:
    """Whether letters, string (N,), part words, bool (N,)."""
    return tf.strings.regex_full_match(letters, _SPACES)


def simplify(texts: Tensor) -> Tensor:
    """Texts in lower case without accents, as the uncased BERT has them."""
    codes = tf.strings.unicode_decode(tf.strings.lower(texts, encoding="utf-8"), "UTF-8")
    flat = codes.flat_values
    table = tf.constant(_bases())
    bases = tf.where(flat < _SIMPLE, tf.gather(table, tf.minimum(flat, _SIMPLE - 1)), flat)
    kept = tf.ragged.boolean_mask(codes.with_flat_values(bases), codes.with_flat_values(bases >= 0))
    return tf.strings.unicode_encode(kept, "UTF-8")


@functools.cache
def _bases() -> np.ndarray:
    """Each simple code point without its accents; -1 for an accent, which is left out."""
    bases = [ord(unicodedata.normalize("NFD", chr(code))[0]) for code in range(_SIMPLE)]
    return np.array([-1 if unicodedata.category(chr(base)) == "Mn" else base for base in bases], np.int32)
