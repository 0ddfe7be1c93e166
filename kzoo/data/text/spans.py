"""Spans: the words of a text, and the characters that each of its tokens stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from kzoo.data.joint import JointTextPreprocessor
from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.data.text.tokenizers import HashingTokenizer, Tokenizer
from kzoo.data.text.words import is_alone, is_space

Span: TypeAlias = tuple[int, int]
"""Begin and end of some characters of a text."""


def word_spans(text: str) -> list[Span]:
    """The words of a text as `kzoo.data.text.words.split_words` finds them, each by its characters in the text.

    Example:
        >>> [text[start:end] for text in ["Don't go!"] for start, end in word_spans(text)]
        ['Don', "'", 't', 'go', '!']
    """
    spaces, alone = _marks(text)
    found, start = [], None
    for place, letter in enumerate(text):
        if letter in spaces or letter in alone:
            found += [] if start is None else [(start, place)]
            found += [(place, place + 1)] if letter in alone else []
            start = None
        elif start is None:
            start = place
    return found if start is None else [*found, (start, len(text))]


def _marks(text: str) -> tuple[set[str], set[str]]:
    """The letters of a text that are spaces, and those that are tokens by themselves."""
    letters = sorted(set(text))
    if not letters:
        return set(), set()
    lowered = tf.strings.lower(tf.constant(letters), encoding="utf-8")
    spaces, alone = is_space(lowered).numpy(), is_alone(lowered).numpy()
    return {letter for letter, yes in zip(letters, spaces, strict=True) if yes}, {
        letter for letter, yes in zip(letters, alone, strict=True) if yes
    }


def token_spans(preprocessor: TextPreprocessor | JointTextPreprocessor, text: str) -> np.ndarray:
    """The characters that each token id stands for, int32 (size, 2); (0, 0) for padding and for what is no part of it.

    Args:
        preprocessor: gives ``size`` token ids.
        text: a checked text.
    """
    if isinstance(preprocessor, JointTextPreprocessor):
        return np.concatenate([token_spans(member, text) for member in preprocessor.members])
    tokenizer, words = preprocessor.tokenizer, word_spans(text)
    if isinstance(tokenizer, HashingTokenizer):
        spans = _of_hashes(tokenizer, text, words)
    else:
        # Most words have a token; an accent alone has none.
        spans = _of_pieces(tokenizer, text, words[: 2 * preprocessor.size])
    found = np.zeros((preprocessor.size, 2), np.int32)
    kept = spans[: preprocessor.size]
    found[: len(kept)] = np.array(kept, np.int32).reshape(-1, 2)
    return found


def _of_hashes(tokenizer: HashingTokenizer, text: str, words: Sequence[Span]) -> list[Span]:
    """Spans in the order of `HashingTokenizer.ids`: words, runs of words, runs of letters in a word."""
    spans = list(words) if 1 in tokenizer.ngrams else []
    for length in (each for each in tokenizer.ngrams if each > 1):
        spans += [(words[n][0], words[n + length - 1][1]) for n in range(len(words) - length + 1)]
    for word in words if tokenizer.pieces else ():
        # The marks < and > around the word stand for its edges; a letter may have several in lower case.
        lowered = [place for place in range(*word) for _ in text[place].lower()]
        places = [word[0], *lowered, word[1] - 1]
        for length in tokenizer.pieces:
            spans += [(places[begin], places[begin + length - 1] + 1) for begin in range(len(places) - length + 1)]
    return spans


def _of_pieces(tokenizer: Tokenizer, text: str, words: Sequence[Span]) -> list[Span]:
    """Spans of tokens that are words, parts of a word, or several words of a script without spaces.

    The tokens of the text up to the end of a word are, as far as they are the first ones of the whole, those of the
    words up to there. Words without a token of their own belong to the next one that has.
    """
    if not words:
        return []
    rows = tokenizer.ids(tf.constant([text[:end] for _, end in words])).to_list()
    first, last = (getattr(tokenizer, name, None) for name in ("first", "last"))
    rows = [row[first is not None : len(row) - (last is not None)] for row in rows]
    spans: list[Span] = [(0, 0)] if first is not None else []
    done, start = 0, words[0][0]
    for number, (row, (_, end)) in enumerate(zip(rows, words, strict=True)):
        same = len(rows[-1]) if row is rows[-1] else _shared(row, rows[-1])
        if same > done:
            spans += [(start, end)] * (same - done)
            done = same
            start = words[number + 1][0] if number + 1 < len(words) else end
    return spans


def _shared(row: Sequence[int], whole: Sequence[int]) -> int:
    """How many ids two rows begin with in common."""
    different = (place for place, (one, other) in enumerate(zip(row, whole, strict=False)) if one != other)
    return next(different, min(len(row), len(whole)))


def spread(contributions: np.ndarray, spans: np.ndarray, *, text: str, words: Sequence[Span]) -> np.ndarray:
    """Contributions of tokens, (T,), to the characters of words that each stands for, evenly: float32 (len(text),)."""
    ink = np.zeros(len(text), bool)
    for start, end in words:
        ink[start:end] = True
    found = np.zeros(len(text), np.float64)
    for value, (start, end) in zip(contributions, spans, strict=True):
        if value and (count := ink[start:end].sum()):
            found[start:end] += np.where(ink[start:end], value / count, 0.0)
    return found.astype(np.float32)
