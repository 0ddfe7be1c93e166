"""Reader of series: by index, changed by an augmentation of the user's own alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.arrays.reader import ArrayReader
from kzoo.data.series.preprocess import SeriesPreprocessor


@dataclass(frozen=True)
class SeriesReader(ArrayReader):
    """A column of series, read by index, inside of tf.data; an `ArrayReader` of them at one length.

    Args:
        column: checked series, an object array (N,) of float32 arrays (T, features).
        preprocessor: of series.
        digests: SHA-256 of each series; not used: nothing is drawn.
        seed: of the run.
        mixable: not used: series are not mixed.
        own: an augmentation of the user's, of one series, float32 (length, features), NaN where nothing is.
    """

    preprocessor: SeriesPreprocessor

    nouns: ClassVar[str] = "Series"

    @cached_property
    def _examples(self) -> Tensor:
        with tf.init_scope():
            return tf.constant(self.preprocessor.align(self.column))
