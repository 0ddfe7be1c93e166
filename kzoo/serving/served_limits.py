"""Limits in an exported model: whether an answer is sure enough, and an input unlike anything in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Shape, Tensor


@dataclass(frozen=True)
class ServedLimits:
    """The limits of a model's outputs.

    Args:
        threshold: answers are given where the largest output is this or more; None: all are.
        farthest: inputs are unlike anything in training whose distance is above it; None: none are called so.
    """

    threshold: float | None = None
    farthest: float | None = None


class TrainingDistance(keras.layers.Layer):
    """From embeddings (B, width) to 1 - cosine of the k-th nearest training example, float32 (B, 1) in [0, 2].

    Args:
        known: embeddings of unit length of training examples, float32 (N, width), N of `k` or more.
        k: which neighbor counts.
    """

    def __init__(self, known: np.ndarray, *, k: int) -> None:
        super().__init__(name="training_distance", dtype="float32", trainable=False)
        self.k = k
        self.known = self.add_weight(shape=known.shape, initializer="zeros", trainable=False, name="known")
        self.known.assign(known)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        lengths = keras.ops.sqrt(keras.ops.sum(keras.ops.square(inputs), axis=1, keepdims=True))
        cosines = (inputs / keras.ops.maximum(lengths, 1e-12)) @ keras.ops.transpose(self.known)
        return 1.0 - keras.ops.top_k(cosines, k=self.k)[0][:, -1:]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, 1)."""
        return (input_shape[0], 1)


def limit(outputs: Tensor, distances: Sequence[Tensor], limits: ServedLimits) -> dict[str, Tensor]:
    """What limits say of outputs, float32 (B, K), by the names of a signature's outputs.

    Args:
        outputs: probabilities, a row of NaN of what could not be read.
        distances: of `TrainingDistance`, float32 (B, 1), or none.
        limits: of the model.

    Returns:
        ``confidence``, float32 (B,), and ``answered``, bool (B,), where there is a threshold; ``distance``, float32
        (B,), and ``unlike_training``, bool (B,), where there are distances. What could not be read has NaN, and False.
    """
    told = {}
    if limits.threshold is not None:
        # A maximum passes over NaN on some processors.
        confidence = tf.reduce_max(outputs, axis=1) + 0 * outputs[:, 0]
        told |= {"confidence": confidence, "answered": confidence >= limits.threshold}
    if limits.farthest is not None:
        distance = distances[0][:, 0]
        told |= {"distance": distance, "unlike_training": distance > limits.farthest}
    return told
