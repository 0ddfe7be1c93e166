"""Layers of a fusion of several modalities: one input of a packed vector, and the features of those that are there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.tensors import Config, Shape, Tensor

SPARED = 0.5
"""Chance that a training example keeps all its inputs while some are dropped at random."""


@keras.saving.register_keras_serializable(package="kzoo")
class PackedInput(keras.layers.Layer):
    """A part of vectors (B, N), float32, as the input of a backbone, (B, *shape).

    Args:
        start: first position.
        shape: of the input, without the batch.
        dtype_out: of the input. Of whole numbers, negative ones are 0.
    """

    def __init__(self, *, start: int, shape: Sequence[int], dtype_out: str = "float32", **more: object) -> None:
        # In bfloat16 token ids would be rounded.
        super().__init__(**{**more, "autocast": False, "dtype": "float32"})
        self.start, self.shape, self.dtype_out = start, tuple(shape), dtype_out

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        flat = inputs[:, self.start : self.start + math.prod(self.shape)]
        if self.dtype_out.startswith("int"):
            flat = keras.ops.maximum(flat, 0.0)
        return keras.ops.cast(keras.ops.reshape(flat, (-1, *self.shape)), self.dtype_out)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """Of the output."""
        return keras.KerasTensor((inputs.shape[0], *self.shape), dtype=self.dtype_out)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        own = {"start": self.start, "shape": list(self.shape), "dtype_out": self.dtype_out}
        config = super().get_config() | own
        return {name: value for name, value in config.items() if name not in ("dtype", "autocast")}


@keras.saving.register_keras_serializable(package="kzoo")
class JoinParts(keras.layers.Concatenate):
    """Features (B, width) of several backbones and marks (B, 1) of the parts that are there, as one vector.

    Features stand in it twice where there are several parts: once as they are, and once only where theirs is the one
    part that is there, else 0. So a linear head has weights of its own for an example of one part, as a model of this
    part alone would have (reduced models; Saar-Tsechansky & Provost, JMLR 8, 2007).

    While it trains, parts are dropped at random, so that examples that lack them are answered too (modality dropout,
    arXiv:1501.00102): half of the examples keep all, the others keep each with a chance of one half, one at least.

    Args:
        owners: for each of the features, the number of its part.
        parts: how many marks follow.
        seed: of what is dropped; None: one that follows from Keras's random seed.
    """

    def __init__(self, *, owners: Sequence[int], parts: int, seed: int | None = None, **more: object) -> None:
        super().__init__(axis=-1, **{name: value for name, value in more.items() if name != "axis"})
        self.owners, self.parts, self.seed = tuple(owners), parts, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        """(B, numbers): features, marks; then features and marks of those whose part is alone."""
        features, marks = list(inputs[: -self.parts]), keras.ops.concatenate(list(inputs[-self.parts :]), axis=-1)
        if training:
            kept = keras.ops.cast(self._kept(keras.ops.cast(marks, "float32")), marks.dtype)
            features = [each * kept[:, owner, None] for each, owner in zip(features, self.owners, strict=True)]
            marks = marks * kept
        whole = [*features, marks]
        if self.parts > 1:
            alone = marks * keras.ops.cast(keras.ops.sum(marks, axis=-1, keepdims=True) < 1.5, marks.dtype)
            whole += [each * alone[:, owner, None] for each, owner in zip(features, self.owners, strict=True)]
            whole.append(alone)
        return keras.ops.concatenate(whole, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, numbers)."""
        numbers = sum(int(shape[-1] or 0) for shape in input_shape)
        return (input_shape[0][0], 2 * numbers if self.parts > 1 else numbers)

    def _kept(self, marks: Tensor) -> Tensor:
        """1 for each part that is kept, 0 for each that is not, (B, parts)."""
        count = keras.ops.shape(marks)[0]
        lots = keras.random.uniform((count, self.parts + 1), seed=self.seed_generator)
        spared = keras.ops.cast(lots[:, -1:] < SPARED, "float32")
        # The part with the lowest lot among those that are there is kept.
        one = keras.ops.one_hot(keras.ops.argmin(keras.ops.where(marks > 0, lots[:, :-1], 2.0), axis=1), self.parts)
        drawn = keras.ops.maximum(keras.ops.cast(lots[:, :-1] < 0.5, "float32"), one)
        return keras.ops.maximum(drawn, spared)

    def owners_of_features(self) -> np.ndarray:
        """The number of the part of each of the features, without marks, int (S,)."""
        widths = [each.shape[-1] for each in self.input[: -self.parts]]
        return np.repeat(self.owners, widths)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return super().get_config() | {"owners": list(self.owners), "parts": self.parts, "seed": self.seed}
