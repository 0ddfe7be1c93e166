"""Series: from values over time to a backbone's input, the same in training and in serving."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.data.series.column import NoSeries, collect_series
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import Check, checked, whole
from kzoo.specs.saved_card import SERIES_SCALE
from kzoo.specs.task import UserData

ops = keras.ops

COVERED = 0.95
"""Share of the training series that fit into the length which is chosen."""

MOST_STEPS = 1_024
"""Longest length that is chosen; `size` may be longer."""

_FIELDS: dict[str, Check] = {"length": whole(1, 1 << 24), **SERIES_SCALE}


@dataclass(frozen=True)
class SeriesPreprocessor:
    """Series of one length, standardised by what training has measured, with marks for what is missing.

    The network's input has for each step the values, 0 where one is missing; for each feature with gaps in training, 1
    where its value is there; and last, 1 for a step with any value, else 0: padding, and steps that are missing.

    Args:
        length: steps. Of a longer series the last ones are used; a shorter one is padded at its end.
        mean: of each feature.
        deviation: of each feature.
        gaps: whether values of a feature are missing in training, while others of the step are there.
    """

    length: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    gaps: tuple[bool, ...]

    marks: ClassVar[bool] = True
    """The last value of each step of the network's input says whether the step is there."""

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        return "series"

    @property
    def size(self) -> int:
        """Steps."""
        return self.length

    @property
    def features(self) -> int:
        """Values of a step."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input: steps, and values with their marks."""
        return (self.length, self.features + sum(self.gaps) + 1)

    @property
    def fitted(self) -> tf.TensorSpec:
        """That of the network's input."""
        return tf.TensorSpec(self.shape, tf.float32)

    def __str__(self) -> str:
        return f"series of {self.length} steps and {self.features} features"

    def align(self, column: np.ndarray) -> np.ndarray:
        """Checked series as one array, float32 (N, length, features), NaN where there are no steps."""
        found = np.full((len(column), self.length, self.features), np.nan, np.float32)
        for row, series in enumerate(column):
            if series.shape[1] != self.features:
                raise ValueError(f"Each series must have {self.features} features. Got {series.shape[1]}.")
            last = series[-self.length :]
            found[row, : len(last)] = last
        return found

    def arrange(self, inputs: UserData) -> UserData:
        """One or several series as a list; what has another number of features is named, and is none.

        Args:
            inputs: an array (T, features), or a flat list or (T,) of one feature, is one series; an array (N, T) of
                one feature, and anything else, are several.
        """
        one = isinstance(inputs, np.ndarray) and inputs.dtype != object and inputs.ndim == 2
        if one and self.features == 1 and inputs.shape[1] != 1:
            inputs = inputs[:, :, None]
        elif one or (hasattr(inputs, "__len__") and not isinstance(inputs, str | Mapping) and _is_flat(inputs)):
            inputs = [inputs]
        if isinstance(inputs, str | Path | Mapping) or not hasattr(inputs, "__iter__"):
            return inputs
        return [self._refused(series) for series in collect_series(inputs)]

    def _refused(self, series: object) -> object:
        """The series, or why it is none that this model takes."""
        if isinstance(series, np.ndarray) and series.ndim == 2 and series.size and series.shape[1] != self.features:
            return NoSeries(f"{series.shape[1]} features, where the model takes {self.features}")
        return series

    def fit(self, examples: Tensor) -> Tensor:
        """The network's input (B, length, values) of series (B, T, features); T is any, NaN where nothing is."""
        if examples.shape[-1] != self.features:
            raise ValueError(f"Each series must have {self.features} features. Got {examples.shape[-1]}.")
        examples = tf.cast(examples, tf.float32)
        if examples.shape[1] != self.length:
            examples = self._cut(examples)
        return self._layer(examples)

    def scale(self, fitted: Tensor) -> Tensor:
        """Returns its input: `fit` gives series as the network takes them."""
        return fitted

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for series of this length, float32 (B, length, features), and what the network takes of it."""
        inputs = keras.Input((self.length, self.features), name="series")
        return inputs, self._layer(inputs)

    @property
    def _layer(self) -> SeriesMarks:
        return SeriesMarks(self.mean, self.deviation, self.gaps, name="standardise", dtype="float32")

    def _cut(self, examples: Tensor) -> Tensor:
        """The last steps that there are of each series, and NaN after them."""
        there = tf.reduce_any(tf.math.is_finite(examples), axis=2)
        steps = tf.range(1, tf.shape(examples)[1] + 1)
        ends = tf.reduce_max(tf.where(there, steps[None, :], 0), axis=1)
        places = tf.maximum(ends - self.length, 0)[:, None] + tf.range(self.length)[None, :]
        padded = tf.pad(examples, [[0, 0], [0, self.length], [0, 0]], constant_values=np.nan)
        return tf.ensure_shape(tf.gather(padded, places, batch_dims=1), (None, self.length, self.features))


def _is_flat(values: UserData) -> bool:
    """Whether a list or an array has numbers, and no series."""
    return len(values) > 0 and all(isinstance(each, Real) or each is None for each in list(values)[:100])


@keras.saving.register_keras_serializable(package="kzoo")
class SeriesMarks(keras.layers.Layer):
    """From series (B, T, features), NaN where a value is missing, to standardised values and marks (B, T, values).

    Args: as of `SeriesPreprocessor`.
    """

    def __init__(
        self, mean: Sequence[float], deviation: Sequence[float], gaps: Sequence[bool], **options: object
    ) -> None:
        super().__init__(**options)
        self.mean, self.deviation, self.gaps = list(mean), list(deviation), list(gaps)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        there = ops.isfinite(inputs)
        mean, deviation = (np.asarray(each, np.float32) for each in (self.mean, self.deviation))
        values = (ops.where(there, inputs, 0.0) - mean) / deviation
        known = ops.cast(there, "float32")
        marks = [known[..., place : place + 1] for place, gap in enumerate(self.gaps) if gap]
        step = ops.max(known, axis=-1, keepdims=True)
        return ops.concatenate([ops.where(there, values, 0.0), *marks, step], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, values)."""
        return (*input_shape[:-1], len(self.mean) + sum(self.gaps) + 1)

    def get_config(self) -> Config:
        """Its arguments."""
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation, "gaps": self.gaps}


def fit_series(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[SeriesPreprocessor, list[str]]:
    """The preprocessor that training series give, and a note on those that are cut.

    A backbone that was trained on series brings its own.

    Args:
        card: of the backbone.
        column: training series, an object array (N,) of float32 arrays (T, features).
        size: steps; None: what `COVERED` of the series have, at most `MOST_STEPS`.
        resize: not used.
        channels: not used.

    Raises:
        ValueError: the backbone was trained on another number of features.
    """
    lengths = np.array([len(series) for series in column])
    chosen = size or min(int(np.quantile(lengths, COVERED, method="higher")), MOST_STEPS)
    if known := card.reads.get("mean"):
        if len(known) != column[0].shape[1]:
            raise ValueError(
                f"{card.name} was trained on series of {len(known)} features. The data has {column[0].shape[1]}."
            )
        made = restore_series({**card.reads, "length": size or card.size})
    else:
        steps = np.concatenate(list(column))
        with np.errstate(invalid="ignore"):
            there = np.isfinite(steps)
        counts = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, steps, 0).sum(axis=0, dtype=np.float64) / counts
        deviation = np.sqrt((np.where(there, steps - mean, 0) ** 2).sum(axis=0) / counts)
        deviation = np.where(deviation > 0, deviation, 1.0)
        gaps = np.any(~there & there.any(axis=1, keepdims=True), axis=0)
        made = SeriesPreprocessor(chosen, *(tuple(np.asarray(each).tolist()) for each in (mean, deviation, gaps)))
    cut = int((lengths > made.length).sum())
    noun = "series are" if cut > 1 else "series is"
    return made, [f"{cut:,} training {noun} longer than {made.length} steps: the last are used"] if cut else []


def restore_series(values: object) -> SeriesPreprocessor:
    """The preprocessor of its fields as plain values; ValueError where they are none."""
    found = checked(values, _FIELDS, name="preprocessor", needed=tuple(_FIELDS))
    mean, deviation, gaps = (tuple(found[name]) for name in ("mean", "deviation", "gaps"))
    if not mean or not len(mean) == len(deviation) == len(gaps):
        raise ValueError(f"A preprocessor of series needs a mean, a deviation and a mark a feature. Got {len(mean)}.")
    return SeriesPreprocessor(found["length"], mean, deviation, gaps)


def tailor_card(card: BackboneSpec, preprocessor: SeriesPreprocessor) -> BackboneSpec:
    """The card of a backbone for the features of a preprocessor, which it keeps: it is part of what is learned."""
    fields = dataclasses.asdict(preprocessor)
    return dataclasses.replace(
        card, size=fields.pop("length"), reads={name: list(values) for name, values in fields.items()}
    )
