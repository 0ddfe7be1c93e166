"""Text cleaning in a TensorFlow graph, for exported models; see `kzoo.data.text.column.check_texts`."""

from __future__ import annotations

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.text.column import MOST_CHARACTERS

_EDGE = r"[\x{feff} \t\r\n\x{200b}]"


def clean(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Texts of at most `MOST_CHARACTERS` characters, and what is wrong with them.

    Args:
        texts: string (B,); invalid UTF-8 is replaced.

    Returns:
        Texts, string (B,); and an empty string for each, or a reason, string (B,).
    """
    texts = tf.strings.regex_replace(texts, r"\x00", " ")
    texts = tf.strings.regex_replace(texts, rf"\A{_EDGE}+|{_EDGE}+\z", "")
    # A character has at most four bytes. Half a character at the end is removed below.
    texts = tf.strings.substr(texts, 0, 4 * MOST_CHARACTERS)
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.substr(texts, 0, MOST_CHARACTERS, unit="UTF8_CHAR")
    # Separators, controls and marks of format have no ink.
    empty = tf.strings.regex_full_match(texts, r"[\p{Z}\p{C}]*")
    return texts, tf.where(empty, "empty text", "")
