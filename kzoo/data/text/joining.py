"""Words of scripts without spaces: neighbouring characters joined to the longest entries of a vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.text.words import is_alone

LONGEST_WORD = 8
"""Characters of a joined word, at most."""


def longest_word(entries: str) -> int:
    """Characters of the longest entry, of those separated by line feeds, that can be joined; at most `LONGEST_WORD`.

    Example:
        >>> longest_word("hotels\\n房\\n不错\\n##房间里")
        2
    """
    lengths = (len(entry) for entry in entries.split("\n") if not entry.isascii() and not entry.startswith("##"))
    return min(max(lengths, default=1), LONGEST_WORD)


def join_words(words: Tensor, *, most: int, known: Callable[[Tensor], Tensor]) -> Tensor:
    """Ragged words, string (B, None), in which characters that stand alone are joined, from left to right.

    At each place the longest run of at most `most` characters that is known becomes a word, as in the segmentation of
    Chinese by maximum matching. All places are looked up at once; which of them begin a word is found by pointer
    doubling, in a logarithmic number of steps.

    Args:
        words: ragged string (B, None), as `kzoo.data.text.words.split_words` gives them.
        most: characters of a word.
        known: from strings (N,) to bool (N,): which of them are words.
    """
    flat, rows = words.flat_values, words.value_rowids()
    count = tf.size(flat)
    later = tf.concat([flat, tf.fill((most,), "")], 0)
    later_rows = tf.pad(rows, [[0, most]], constant_values=-1)
    later_alone = tf.pad(is_alone(flat), [[0, most]])
    runs, grown, whole, lengths = flat, flat, later_alone[:count], tf.ones_like(rows)
    for step in range(1, most):
        grown = tf.strings.join([grown, later[step : step + count]])
        whole &= later_alone[step : step + count] & (later_rows[step : step + count] == rows)
        fits = whole & known(grown)
        runs, lengths = tf.where(fits, grown, runs), tf.where(fits, tf.cast(step + 1, lengths.dtype), lengths)
    first = _reached(tf.range(count) + tf.cast(lengths, tf.int32), count)
    return tf.ragged.boolean_mask(words.with_values(runs), words.with_values(first))


def _reached(following: Tensor, count: Tensor) -> Tensor:
    """Which of so many places are met, bool (count,), if each, from the first on, is followed by another one."""
    # A word never reaches beyond its row, so the first place of each row is met.
    jumps = tf.concat([following, [count]], 0)
    met = tf.one_hot(0, count + 1, dtype=tf.int32)

    def double(steps: Tensor, met: Tensor, jumps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        reached = tf.math.unsorted_segment_max(met, jumps, count + 1)
        return 2 * steps, tf.maximum(met, reached), tf.gather(jumps, jumps)

    _, met, _ = tf.while_loop(lambda steps, *_: steps <= count, double, (tf.constant(1), met, jumps))
    return met[:count] > 0
