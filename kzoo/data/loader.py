"""A column as the backbone takes it: in batches by tf.data, or at once for `predict`, by functions traced once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.image.check import check_pixels, describe_damage
from kzoo.data.modalities import MODALITIES
from kzoo.data.pipelines import PARALLEL, untuned


@dataclass(frozen=True)
class Loader:
    """Reads columns as `batches` does, bit for bit, and says what cannot be read.

    A pipeline of tf.data is built anew for each column, which takes a second; this one keeps what it has traced.

    Args:
        preprocessor: the backbone's.
    """

    preprocessor: Any

    def load(self, column: np.ndarray) -> tuple[np.ndarray, Mapping[int, str]]:
        """Examples as the backbone takes them, (M, ...), for the M that can be read; and reasons against the others.

        Args:
            column: a column of at least one example, not checked.
        """
        if column.dtype != object:
            features, reasons = self._pixels(column)
        elif open_one := MODALITIES[self.preprocessor.modality].open_one:
            features, reasons = self._files(column, open_one)
        else:
            features, reasons = self._texts(column)
        return self._scale(features).numpy(), reasons

    def _files(self, column: np.ndarray, open_one: Any) -> tuple[Any, dict[int, str]]:
        def read(value: Any) -> tuple[Any, str | None]:
            data, reason = open_one(value)
            if reason:
                return None, reason
            try:
                return self._decode(tf.constant(data)).numpy(), None
            except tf.errors.OpError as error:
                return None, describe_damage(error)

        if len(column) == 1:
            found = [read(column[0])]
        else:
            with ThreadPoolExecutor(PARALLEL) as pool:
                found = list(pool.map(read, column))
        return self._stack([features for features, _ in found if features is not None]), {
            index: reason for index, (_, reason) in enumerate(found) if reason
        }

    def _pixels(self, column: np.ndarray) -> tuple[Any, dict[int, str]]:
        reasons = check_pixels(column)
        good = [image for index, image in enumerate(column) if index not in reasons]
        return self._stack([self._fit(tf.constant(image)).numpy() for image in good]), reasons

    def _texts(self, column: np.ndarray) -> tuple[Any, dict[int, str]]:
        checked = MODALITIES[self.preprocessor.modality].check(column)
        good = [text for index, text in enumerate(checked.column) if index not in checked.reasons]
        return self._tokenize(tf.constant(good, tf.string)), dict(checked.reasons)

    def _stack(self, features: list[np.ndarray]) -> np.ndarray:
        return np.stack(features) if features else np.zeros((0, *self._features), np.float32)

    @cached_property
    def _features(self) -> tuple[int, ...]:
        """The shape of what `fit` gives, without the batch."""
        return tuple(self._decode.structured_outputs.shape)

    @cached_property
    def _decode(self) -> Any:
        return _traced(lambda data: self.preprocessor.fit(self.preprocessor.decode(data)), tf.TensorSpec((), tf.string))

    @cached_property
    def _fit(self) -> Any:
        # One graph for each kind of pixels and number of channels.
        return tf.function(
            lambda image: self.preprocessor.fit(self.preprocessor.colour(image)), autograph=False, reduce_retracing=True
        )

    @cached_property
    def _tokenize(self) -> Any:
        return _traced(self.preprocessor.tokenize, tf.TensorSpec((None,), tf.string))

    @cached_property
    def _scale(self) -> Any:
        if not MODALITIES[self.preprocessor.modality].open_one:
            return tf.convert_to_tensor
        return _traced(self.preprocessor.scale, tf.TensorSpec((None, *self._features), tf.float32))


def batches(column: np.ndarray, *, preprocessor: Any, batch_size: int = 64) -> tf.data.Dataset:
    """Batches of a column, in its order, as the backbone takes them: (B, S, S, C) float32, or (B, T) int32."""
    reader = MODALITIES[preprocessor.modality].reader(column, preprocessor)
    dataset = tf.data.Dataset.range(len(column)).map(
        lambda index: reader.load(index, "none", [0])[0], num_parallel_calls=PARALLEL
    )
    return untuned(dataset.batch(batch_size).map(preprocessor.scale, num_parallel_calls=PARALLEL).prefetch(2))


def _traced(function: Any, spec: tf.TensorSpec) -> Any:
    return tf.function(function, input_signature=[spec], autograph=False).get_concrete_function()
