"""The model as a function of one example with its weights as constants, which other runtimes convert."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor

Answer = Callable[[np.ndarray], list[np.ndarray]]
"""From one preprocessed example (1, ...) to outputs (1, K) and features (1, width)."""

OUTPUTS = ("outputs", "features")
"""Names of what a file gives."""


def constant_function(model: keras.Model, fitted: tf.TensorSpec) -> tf.types.experimental.PolymorphicFunction:
    """The model as a function of one example, of a shape that is known as a whole, with weights as constants.

    LiteRT cannot calibrate a function that reads variables (TensorFlow 2.21).

    Args:
        model: returns outputs (B, K) and features (B, width).
        fitted: of one preprocessed example, without the batch.
    """
    spec = tf.TensorSpec((1, *fitted.shape), fitted.dtype, name="input")
    weights = [
        [weight.numpy() for weight in each] for each in (model.trainable_variables, model.non_trainable_variables)
    ]

    def call(inputs: Tensor) -> Mapping[str, Tensor]:
        constants = [[tf.constant(value) for value in each] for each in weights]
        found, _ = model.stateless_call(*constants, inputs, training=False)
        return dict(zip(OUTPUTS, found, strict=True))

    return tf.function(call, input_signature=[spec], autograph=False)
