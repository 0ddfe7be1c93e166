"""Numbers: from arrays of one shape to a backbone's input, the same in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import Check, checked, many, number, text, whole

_FIELDS: dict[str, Check] = {
    "modality": text(100),
    "shape": many(whole(1, 1 << 24), most=8),
    "mean": many(number(-1e30, 1e30), most=1 << 24),
    "deviation": many(number(1e-30, 1e30), most=1 << 24),
}


@dataclass(frozen=True)
class ArrayPreprocessor:
    """Arrays of one shape, standardised: less the mean of the training split, divided by its deviation.

    Args:
        modality: name.
        shape: of an example, (..., C).
        mean: of each of the C values of the last axis.
        deviation: likewise; 1 where a value never changes.
    """

    modality: str
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def size(self) -> int:
        """Length of the first axis."""
        return self.shape[0]

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec(self.shape, tf.float32)

    def __str__(self) -> str:
        return f"{self.modality} of {' x '.join(map(str, self.shape))} numbers"

    def fit(self, examples: Tensor) -> Tensor:
        """Standardised examples, float32 (B, *shape), of finite ones of the same shape.

        Raises:
            ValueError: they have another shape.
        """
        if tuple(examples.shape[1:]) != self.shape:
            raise ValueError(f"Each example must be a {self}. Got shape {tuple(examples.shape[1:])}.")
        return (tf.cast(examples, tf.float32) - self.mean) / self.deviation

    def scale(self, fitted: Tensor) -> Tensor:
        """Returns its input: `fit` gives arrays as the network takes them."""
        return fitted

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for examples as they are, float32 (B, *shape), and what the network takes of it."""
        inputs = keras.Input(self.shape, name=self.modality)
        scales = [1 / deviation for deviation in self.deviation]
        offsets = [-mean * scale for mean, scale in zip(self.mean, scales, strict=True)]
        return inputs, keras.layers.Rescaling(scales, offsets, name="standardise")(inputs)


def fit_numbers(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[ArrayPreprocessor, list[str]]:
    """The preprocessor for arrays of the shape of a training column, float32 (N, ..., C); and no notes.

    Raises:
        ValueError: `size` is another one than theirs.
    """
    shape = column.shape[1:]
    if size is not None and size != shape[0]:
        raise ValueError(f"size must be {shape[0]}, as of the data, or None. Got {size}.")
    axes = tuple(range(column.ndim - 1))
    mean, deviation = column.mean(axis=axes, dtype=np.float64), column.std(axis=axes, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return ArrayPreprocessor(card.modality, shape, tuple(mean.tolist()), tuple(deviation.tolist())), []


def restore_numbers(values: object) -> ArrayPreprocessor:
    """The preprocessor of its fields as plain values; ValueError where they are none."""
    found = checked(values, _FIELDS, name="preprocessor", needed=tuple(_FIELDS))
    lists = (tuple(found[name]) for name in ("shape", "mean", "deviation"))
    return ArrayPreprocessor(found["modality"], *lists)
