"""Layers of a text backbone of two languages: fixed embeddings, and their mean, standardised by language."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.tensors import Config, Shape, Tensor

ops = keras.ops


@keras.saving.register_keras_serializable(package="kzoo")
class FixedEmbedding(keras.layers.Layer):
    """Embeddings (B, T, width) of ids (B, T) that are never trained, whatever is unfrozen.

    Args:
        buckets: number of ids.
        width: size of an embedding.
    """

    def __init__(self, buckets: int, width: int, **options: object) -> None:
        super().__init__(**options)
        self.buckets, self.width = buckets, width

    def build(self, input_shape: Shape) -> None:
        """Creates `embeddings`."""
        shape = (self.buckets, self.width)
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer="uniform", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return ops.take(ops.convert_to_tensor(self.embeddings), ops.cast(inputs, "int32"), axis=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, width)."""
        return (*input_shape, self.width)

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "buckets": self.buckets, "width": self.width}


@keras.saving.register_keras_serializable(package="kzoo")
class LanguageMean(keras.layers.Layer):
    """The mean (B, C) of embeddings (B, T, C), centred and scaled by the language of the text.

    The language is found from the token ids (B, T): each token has a vote, -1 for the first language, 1 for the second,
    0 for what both have; the sign of the sum decides, and 0 is the first. A text of the second language is the mean of
    its own words alone: punctuation and digits have the vectors of the first. Nothing here is trained: `means` and
    `deviations` are measured on unlabelled texts of each language (0 and 1 where there are none), which takes away what
    a language has in common with itself (as in arXiv:1911.03310).

    Args:
        buckets: number of ids.
    """

    def __init__(self, buckets: int, **options: object) -> None:
        super().__init__(**options)
        self.buckets = buckets

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates `votes` (buckets,), `means` (2, C) and `deviations` (2, 1)."""
        shape = (2, input_shape[0][-1])
        self.votes = self.add_weight(name="votes", shape=(self.buckets,), initializer="zeros", trainable=False)
        self.means = self.add_weight(name="means", shape=shape, initializer="zeros", trainable=False)
        self.deviations = self.add_weight(name="deviations", shape=(2, 1), initializer="ones", trainable=False)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """See the class."""
        embedded, ids = inputs
        votes = ops.take(ops.convert_to_tensor(self.votes), ops.cast(ids, "int32"), axis=0)
        sides = ops.cast(ops.sum(votes, axis=1) > 0, "int32")
        counted = ops.where(sides[:, None] > 0, votes > 0, ids > 0)
        weights = ops.expand_dims(ops.cast(counted, embedded.dtype), -1)
        mean = ops.sum(embedded * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)
        return (mean - ops.take(self.means, sides, axis=0)) / ops.take(self.deviations, sides, axis=0)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, C)."""
        return (input_shape[0][0], input_shape[0][-1])

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "buckets": self.buckets}
