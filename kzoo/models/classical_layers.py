"""What classical heads compute of standardised features, before their layer of logits: as layers without training."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.specs.catalog.classical_heads import DEPTH, NEIGHBORS, RANDOM_FEATURES, ROUNDS
from kzoo.specs.head import Head

ops = keras.ops

FAR = -4.0
"""Added to the similarity, in [-1, 1], of places without an example."""


@keras.saving.register_keras_serializable(package="kzoo")
class RandomFeatures(keras.layers.Layer):
    """Random Fourier features (B, units) of (B, C): their products approximate a kernel of radial basis functions.

    Reference: Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007.

    Args:
        units: number of features.
    """

    def __init__(self, units: int, **options: object) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, input_shape: Shape) -> None:
        """Makes directions and offsets, 0 until a probe draws them."""
        shape = input_shape[-1], self.units
        self.directions = self.add_weight(name="directions", shape=shape, initializer="zeros", trainable=False)
        self.offsets = self.add_weight(name="offsets", shape=shape[1:], initializer="zeros", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """(B, C) to (B, units)."""
        return math.sqrt(2 / self.units) * ops.cos(ops.matmul(inputs, self.directions) + self.offsets)

    def get_config(self) -> Config:
        """For saving."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="kzoo")
class NearestExamples(keras.layers.Layer):
    """Mean values (B, outputs) of the examples whose features have the highest cosine with (B, C).

    Args:
        examples: places for examples.
        outputs: values of each.
    """

    def __init__(self, examples: int, outputs: int, **options: object) -> None:
        super().__init__(**options)
        self.examples, self.outputs = examples, outputs

    def build(self, input_shape: Shape) -> None:
        """Makes the places, all empty until a probe fills them."""
        options = {"initializer": "zeros", "trainable": False}
        self.features = self.add_weight(name="features", shape=(self.examples, input_shape[-1]), **options)
        self.values = self.add_weight(name="values", shape=(self.examples, self.outputs), **options)
        # 0 where there is no example.
        self.weights_of = self.add_weight(name="weights_of", shape=(self.examples,), **options)
        # How much the nearest example counts, the next, and so on.
        self.ranks = self.add_weight(name="ranks", shape=(min(NEIGHBORS, self.examples),), **options)

    def call(self, inputs: Tensor) -> Tensor:
        """(B, C) to (B, outputs)."""
        length = ops.sqrt(ops.sum(ops.square(inputs), axis=1, keepdims=True))
        cosines = ops.matmul(inputs / ops.maximum(length, 1e-12), ops.transpose(self.features))
        near = ops.top_k(ops.where(self.weights_of > 0, cosines, FAR), self.ranks.shape[0])[1]
        weights = ops.take(self.weights_of, near) * self.ranks
        total = ops.sum(weights[:, :, None] * ops.take(self.values, near, axis=0), axis=1)
        return total / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1e-12)

    def get_config(self) -> Config:
        """For saving."""
        return {**super().get_config(), "examples": self.examples, "outputs": self.outputs}


@keras.saving.register_keras_serializable(package="kzoo")
class BoostedTrees(keras.layers.Layer):
    """The sums (B, outputs) of binary regression trees of features (B, C).

    A node sends an example to the left if its feature is at most the threshold. A leaf sends it to itself.

    Args:
        rounds: trees of each output.
        depth: levels of a tree.
        outputs: number of sums.
    """

    def __init__(self, rounds: int, depth: int, outputs: int, **options: object) -> None:
        super().__init__(**options)
        self.rounds, self.depth, self.outputs = rounds, depth, outputs

    def build(self, input_shape: Shape) -> None:
        """Makes trees that add 0, until a probe grows them."""
        shape = (self.rounds * self.outputs * (2 ** (self.depth + 1) - 1),)
        options = {"shape": shape, "initializer": "zeros", "trainable": False}
        self.feature = self.add_weight(name="feature", dtype="int32", **options)
        self.left = self.add_weight(name="left", dtype="int32", **options)
        self.right = self.add_weight(name="right", dtype="int32", **options)
        self.threshold = self.add_weight(name="threshold", **options)
        self.value = self.add_weight(name="value", **options)

    def call(self, inputs: Tensor) -> Tensor:
        """(B, C) to (B, outputs)."""
        trees, nodes = self.rounds * self.outputs, 2 ** (self.depth + 1) - 1
        first = ops.arange(0, trees * nodes, nodes, dtype="int32")[None, :]
        node = ops.zeros_like(inputs[:, :1], dtype="int32") + first
        for _ in range(self.depth):
            found = ops.take_along_axis(inputs, ops.take(self.feature, node), axis=1)
            left = found <= ops.take(self.threshold, node)
            node = first + ops.where(left, ops.take(self.left, node), ops.take(self.right, node))
        values = ops.take(self.value, node)
        return ops.sum(ops.reshape(values, (-1, self.rounds, self.outputs)), axis=1)

    def get_config(self) -> Config:
        """For saving."""
        return {**super().get_config(), "rounds": self.rounds, "depth": self.depth, "outputs": self.outputs}


CLASSICAL_LAYERS: dict[str, Callable[[Head, int], keras.layers.Layer]] = {
    "rbf_svm": lambda _head, _outputs: RandomFeatures(RANDOM_FEATURES, name="head_kernel", dtype="float32"),
    "knn": lambda head, outputs: NearestExamples(
        max(head.examples, 1), outputs, name="head_neighbors", dtype="float32"
    ),
    "boosting": lambda _head, outputs: BoostedTrees(ROUNDS, DEPTH, outputs, name="head_trees", dtype="float32"),
}
"""From a head and its number of outputs to the layer between standardised features and the layer of logits."""
