"""A column as the backbone takes it: in batches by tf.data, or at once for `predict`, by functions traced once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.examples import CheckedColumn
from kzoo.data.image.check import check_pixels, describe_damage
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.presence import find_used
from kzoo.data.pipelines import PARALLEL, untuned
from kzoo.data.seams import Opener, Preprocessor

Traced = Callable[[Tensor], Tensor]
"""A function of one tensor, traced once."""


@dataclass(frozen=True)
class Loader:
    """Reads columns exactly as `batches` does, and gives the reasons for examples that cannot be read.

    A tf.data pipeline takes a second to build for each column. This class keeps its traced functions.

    Args:
        preprocessor: the backbone's.
    """

    preprocessor: Preprocessor

    def load(self, column: np.ndarray) -> tuple[np.ndarray, Mapping[int, str]]:
        """Examples as the backbone takes them, (M, ...), for the M that can be read; and reasons against the others.

        Args:
            column: a column of at least one example, not checked.
        """
        features, reasons = self.fitted(column)
        return self._scale(features).numpy(), reasons

    def fitted(self, column: np.ndarray) -> tuple[np.ndarray, Mapping[int, str]]:
        """As `load`, but the results of the preprocessor's `fit`, (M, *fitted.shape), before they are scaled."""
        modality = MODALITIES[self.preprocessor.modality]
        if modality.choose is not None:
            features, reasons = self._packed(column)
        elif modality.open_one is None:
            features, reasons = self._checked(column, modality.check)
        elif column.dtype == object:
            features, reasons = self._files(column, modality.open_one)
        else:
            features, reasons = self._pixels(column)
        return np.asarray(features), reasons

    def _packed(self, column: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
        """Of several inputs: each by its own loader; a part that cannot be read is the reason against its example."""
        preprocessor: Any = self.preprocessor
        reasons: dict[int, str] = {}
        blocks: list[np.ndarray] = []
        marks = find_used(preprocessor, column, MODALITIES)
        for entry, loader in zip(preprocessor.entries, self._loaders, strict=True):
            places = np.flatnonzero(marks[entry.part])
            block = np.zeros((len(column), entry.fitted_size), np.float32)
            if len(places):
                found, bad = loader.fitted(column[entry.part][places])
                good = [place for index, place in enumerate(places) if index not in bad]
                block[good] = found.reshape(len(good), entry.fitted_size)
                reasons |= {int(places[index]): f"{entry.part}: {why}" for index, why in bad.items()}
            blocks.append(block)
        there = np.stack(list(marks.values()), axis=1)
        reasons |= {int(place): "an example without any input" for place in np.flatnonzero(~there.any(axis=1))}
        kept = [index for index in range(len(column)) if index not in reasons]
        return np.concatenate([*blocks, there.astype(np.float32)], axis=1)[kept], reasons

    @cached_property
    def _loaders(self) -> list[Loader]:
        preprocessor: Any = self.preprocessor
        return [Loader(entry.preprocessor) for entry in preprocessor.entries]

    def _files(self, column: np.ndarray, open_one: Opener) -> tuple[np.ndarray, dict[int, str]]:
        def read(value: str | bytes) -> tuple[np.ndarray | None, str | None]:
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

    def _pixels(self, column: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
        reasons = check_pixels(column)
        good = [image for index, image in enumerate(column) if index not in reasons]
        return self._stack([self._fit(tf.constant(image)).numpy() for image in good]), reasons

    def _checked(
        self, column: np.ndarray, check: Callable[[np.ndarray], CheckedColumn]
    ) -> tuple[Tensor, dict[int, str]]:
        checked = check(column)
        good = np.array([index for index in range(len(column)) if index not in checked.reasons], np.int64)
        values = checked.column[good]
        if align := MODALITIES[self.preprocessor.modality].align:
            values = align(self.preprocessor, values)
        batch = tf.constant(values.tolist(), tf.string) if values.dtype == object else tf.constant(values)
        return self._fit_batch(batch), dict(checked.reasons)

    def _fit_batch(self, batch: Tensor) -> Tensor:
        """The result of `fit` for a batch, by one graph for all batch sizes."""
        spec = tf.TensorSpec((None, *batch.shape[1:]), batch.dtype)
        if spec not in self._fits:
            self._fits[spec] = _traced(self.preprocessor.fit, spec)
        return self._fits[spec](batch)

    def _stack(self, features: list[np.ndarray]) -> np.ndarray:
        # All sizes of it are known.
        shape = [size for size in self.preprocessor.fitted.shape if size is not None]
        return np.stack(features) if features else np.zeros((0, *shape), np.float32)

    @cached_property
    def _fits(self) -> dict[tf.TensorSpec, Traced]:
        return {}

    @cached_property
    def _decode(self) -> Traced:
        return _traced(lambda data: self.preprocessor.fit(self.preprocessor.decode(data)), tf.TensorSpec((), tf.string))

    @cached_property
    def _fit(self) -> Traced:
        # One graph for each kind of pixels and number of channels.
        return tf.function(
            lambda image: self.preprocessor.fit(self.preprocessor.colour(image)), autograph=False, reduce_retracing=True
        )

    @cached_property
    def _scale(self) -> Traced:
        fitted = self.preprocessor.fitted
        return _traced(self.preprocessor.scale, tf.TensorSpec((None, *fitted.shape), fitted.dtype))


def batches(column: np.ndarray, *, preprocessor: Preprocessor, batch_size: int = 64) -> tf.data.Dataset:
    """Batches of a column, in its order, as the backbone takes them: (B, S, S, C) float32, or (B, T) int32."""
    reader = MODALITIES[preprocessor.modality].reader(column, preprocessor)
    dataset = tf.data.Dataset.range(len(column)).map(
        lambda index: reader.load(index, "none", [0])[0], num_parallel_calls=PARALLEL
    )
    return untuned(dataset.batch(batch_size).map(preprocessor.scale, num_parallel_calls=PARALLEL).prefetch(2))


def _traced(function: Traced, spec: tf.TensorSpec) -> Traced:
    return tf.function(function, input_signature=[spec], autograph=False).get_concrete_function()
