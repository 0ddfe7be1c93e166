"""Masked steps: what the values of hidden spans of a series, or of a recording's frames, were.

As for sound in TERA (arXiv:2007.06028) and for series in TST (arXiv:2010.02803): the mean square of the errors.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf

from kzoo.core.tensors import Shape, Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective

SHARE = 0.3
"""Of the steps, that are hidden."""

SPAN = 5
"""Steps that are hidden together."""


class MaskedSteps(Objective):
    """The error of the values of hidden steps, in which all values of the network's input are 0 but its mask."""

    name = "masked_steps"
    paper = "https://arxiv.org/abs/2010.02803"
    modalities: ClassVar[tuple[str, ...]] = ("series", "audio")
    augmentation = "none"

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Steps, some of them hidden, (B, T, V); what they were, and last whether they are hidden, (B, T, V + 1)."""
        count, steps = tf.shape(examples)[0], examples.shape[1]
        spans = -(-steps // SPAN)
        drawn = tf.random.stateless_uniform(tf.stack([count, spans]), seed) < SHARE
        hidden = tf.expand_dims(tf.repeat(drawn, SPAN, axis=1)[:, :steps], 2)
        shown = tf.where(hidden, 0.0, examples)
        if self.marks:
            # A step that is hidden is still there: the mask of the network stays as it is.
            _, there = tf.split(examples, [examples.shape[2] - 1, 1], axis=2)
            values, _ = tf.split(shown, [examples.shape[2] - 1, 1], axis=2)
            shown, hidden = tf.concat([values, there], axis=2), hidden & (there > 0.5)
        return shown, tf.concat([examples, tf.cast(hidden, tf.float32)], axis=2)

    def network(self, body: BackboneGraph) -> keras.Model:
        """A guess of all values of each step, (B, T, V)."""
        _, steps, values = body.inputs.shape
        states = body.pooled[:, None] if body.states is None else body.states
        each = -(-steps // states.shape[1])
        x = keras.layers.Dense(each * values, dtype="float32", name="guesses")(states)
        return keras.Model(body.inputs, StatesToSteps(each, steps, name="steps", dtype="float32")(x))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """A scalar, the mean square over all values of hidden steps."""
        ops = keras.ops
        hidden, values = wanted[..., -1:], wanted[..., :-1]
        squares = ops.mean((found - values) ** 2, axis=-1, keepdims=True)
        return ops.sum(hidden * squares) / ops.maximum(ops.sum(hidden), 1.0)


@keras.saving.register_keras_serializable(package="kzoo")
class StatesToSteps(keras.layers.Layer):
    """From states (B, t, each * V), `each` steps a state, to steps (B, T, V); what is beyond them is cut off."""

    def __init__(self, each: int, steps: int, **options: object) -> None:
        super().__init__(**options)
        self.each, self.steps = each, steps

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        states, values = (int(size) for size in inputs.shape[1:])
        shape = (-1, states * self.each, values // self.each)
        return keras.ops.reshape(inputs, shape)[:, : self.steps]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, V)."""
        return (input_shape[0], self.steps, int(input_shape[2] or 0) // self.each)
