"""Layers that join and part models which stand side by side in one graph."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.task_kinds.kind_registry import get_task_kind


@keras.saving.register_keras_serializable(package="kzoo", name="Part")
class SliceFeatures(keras.layers.Layer):
    """Some of the numbers of each example: (B, N) to (B, stop - start)."""

    def __init__(self, start: int, stop: int, **options: object) -> None:
        super().__init__(**options)
        self.start, self.stop = start, stop

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return inputs[:, self.start : self.stop]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, stop - start)."""
        return (input_shape[0], self.stop - self.start)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable(package="kzoo")
class MeanOfProbabilities(keras.layers.Layer):
    """Logits (B, K) whose probabilities are the mean of those of several logits, each divided by its temperature.

    What it is given beside the logits passes through the graph with them, and is not looked at.

    Args:
        temperatures: one for each, in (0, inf).
        kind: of the task, which says how the mean is taken.
    """

    def __init__(self, temperatures: Sequence[float], kind: str, **options: object) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.temperatures, self.kind = list(temperatures), kind

    def call(self, inputs: Tensor) -> Tensor:
        """A list of (B, K) to (B, K)."""
        scaled = [logits / temperature for logits, temperature in zip(inputs, self.temperatures, strict=False)]
        return get_task_kind(self.kind).mean_of(scaled)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, K)."""
        return input_shape[0]

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return {**super().get_config(), "temperatures": self.temperatures, "kind": self.kind}
