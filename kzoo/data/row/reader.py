"""Reader of rows: by index, all preprocessed at once, changed by an augmentation of the user's own alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.arrays.reader import ArrayReader
from kzoo.data.row.preprocess import RowPreprocessor

AT_ONCE = 4096
"""Rows whose texts are in memory as a tensor."""


@dataclass(frozen=True)
class RowReader(ArrayReader):
    """A column of rows, read by index, inside of tf.data; an `ArrayReader` of what the preprocessor makes of them.

    Args:
        column: checked rows, a structured array (N,).
        preprocessor: of rows.
        digests: SHA-256 of each row; not used: nothing is drawn.
        seed: of the run.
        mixable: not used: rows are not mixed.
        own: an augmentation of the user's, of one preprocessed row, float32 (*shape).
    """

    preprocessor: RowPreprocessor

    nouns: ClassVar[str] = "Rows"

    @cached_property
    def _examples(self) -> Tensor:
        with tf.init_scope():
            cells = self.preprocessor.align(self.column)
            parts = [cells[start : start + AT_ONCE] for start in range(0, len(cells), AT_ONCE)]
            fitted = [self.preprocessor.fit(tf.constant(part.tolist(), tf.string)) for part in parts]
            return tf.concat(fitted, axis=0) if fitted else tf.zeros((0, *self.preprocessor.shape))

    def _fit(self, examples: Tensor) -> Tensor:
        return examples
