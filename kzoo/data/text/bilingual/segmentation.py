"""Texts in bulk: cut into ids or words, and counted as sparse matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scipy import sparse

from kzoo.core.tensors import Tensor
from kzoo.data.text.joining import LONGEST_WORD
from kzoo.data.text.wordpiece import Vocabulary
from kzoo.data.text.words import is_alone, simplify, split_words

BATCH = 1024
"""Texts that are cut at once."""


def cut(vocabulary: Vocabulary | None, texts: Sequence[str], *, lower: bool = True) -> Tensor:
    """Ragged ids, int32 (N, None), of many texts; without a vocabulary their words, string (N, None).

    Args:
        vocabulary: how texts are cut.
        texts: strings.
        lower: without a vocabulary, whether texts are brought to lower case without accents first.
    """
    if not texts:
        return tf.RaggedTensor.from_row_lengths(tf.constant([], tf.int32 if vocabulary else tf.string), [])

    def of(batch: Tensor) -> Tensor:
        if vocabulary is not None:
            return vocabulary.ids(batch)
        return split_words(simplify(batch) if lower else batch, lower=False)

    return tf.concat([of(tf.constant(texts[at : at + BATCH])) for at in range(0, len(texts), BATCH)], axis=0)


def counts_of(ids: Tensor, size: int) -> sparse.csr_matrix:
    """The share of each id among those of a text, float32 (N, size), sparse; zeros for an empty text."""
    flat, lengths = ids.flat_values.numpy(), ids.row_lengths().numpy()
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    return sparse.csr_matrix((shares, flat, np.concatenate([[0], np.cumsum(lengths)])), shape=(len(lengths), size))


def find_words(texts: Sequence[str], *, lower: bool) -> list[str | None]:
    """Those of many texts that are one word, as a vocabulary finds it; None for the others.

    Example:
        >>> find_words(["Hôtel", "a hotel", "房间"], lower=True)
        ['hotel', None, '房间']
    """
    words = cut(None, texts, lower=lower)
    lengths = words.row_lengths().numpy()
    alone = tf.reduce_all(words.with_values(is_alone(words.flat_values)), axis=1).numpy()
    names = tf.strings.reduce_join(words, axis=1).numpy().tolist()
    single = (lengths == 1) | ((lengths > 1) & (lengths <= LONGEST_WORD) & alone)
    return [name.decode() if one else None for name, one in zip(names, single, strict=True)]
