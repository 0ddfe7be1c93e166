"""Layers of row backbones: embeddings of numbers and categories, and blocks that are stages."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from kzoo.core.tensors import Config, Tensor

L, ops = keras.layers, keras.ops


def _split(rows: Tensor, categories: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Numbers (B, n) of rows, and places of their categories in one table of all, int32 (B, c)."""
    border = rows.shape[-1] - len(categories)
    starts = [sum(categories[:place]) for place in range(len(categories))]
    return rows[:, :border], ops.cast(rows[:, border:], "int32") + ops.reshape(
        ops.convert_to_tensor(starts, "int32"), (1, len(starts))
    )


@keras.saving.register_keras_serializable(package="kzoo")
class RowEmbedding(keras.layers.Layer):
    """Numbers, their periodic embeddings, and embeddings of categories side by side: (B, F) to (B, width).

    The embedding of a number x is ``relu(W [sin(2 pi c x), cos(2 pi c x)] + b)``, with frequencies c, W and b of its
    own that are learned (PLR, arXiv:2203.05556).

    Args:
        categories: number of indices of each of the last columns.
        frequencies: of each number.
        sigma: deviation of the frequencies at the start.
        number_width: size of the embedding of a number.
        category_width: largest size of the embedding of a category.
    """

    def __init__(
        self,
        categories: Sequence[int],
        *,
        frequencies: int,
        sigma: float,
        number_width: int = 8,
        category_width: int = 16,
        **options: object,
    ) -> None:
        super().__init__(**options)
        self.categories, self.frequencies, self.sigma = tuple(categories), frequencies, sigma
        self.number_width, self.category_width = number_width, category_width

    def build(self, input_shape: Sequence[int]) -> None:
        """Makes frequencies, the linear layer of each number, and the table of all categories."""
        numbers = input_shape[-1] - len(self.categories)
        if numbers:
            start = keras.initializers.RandomNormal(stddev=self.sigma)
            self.waves = self.add_weight(shape=(numbers, self.frequencies), initializer=start, name="waves")
            bound = 1 / math.sqrt(2 * self.frequencies)
            uniform = keras.initializers.RandomUniform(-bound, bound)
            shape = (numbers, 2 * self.frequencies, self.number_width)
            self.kernel = self.add_weight(shape=shape, initializer=uniform, name="kernel")
            self.bias = self.add_weight(shape=(numbers, self.number_width), initializer="zeros", name="bias")
        if self.categories:
            normal = keras.initializers.RandomNormal(stddev=1 / math.sqrt(self.category_width))
            table = (sum(self.categories), self.category_width)
            self.table = self.add_weight(shape=table, initializer=normal, name="table")

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        numbers, places = _split(inputs, self.categories)
        parts = []
        if numbers.shape[-1]:
            angles = 2 * math.pi * numbers[:, :, None] * self.waves[None]
            waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
            embedded = ops.relu(ops.einsum("bnk,nkd->bnd", waves, self.kernel) + self.bias)
            parts += [numbers, ops.reshape(embedded, (-1, numbers.shape[-1] * self.number_width))]
        if self.categories:
            taken = ops.take(self.table, places, axis=0)
            parts.append(ops.reshape(taken, (-1, len(self.categories) * self.category_width)))
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """(B, width)."""
        numbers = input_shape[-1] - len(self.categories)
        return (input_shape[0], numbers * (1 + self.number_width) + len(self.categories) * self.category_width)

    def get_config(self) -> Config:
        """The config of the layer."""
        names = ("frequencies", "sigma", "number_width", "category_width")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "categories": list(self.categories)}


@keras.saving.register_keras_serializable(package="kzoo")
class RowTokens(keras.layers.Layer):
    """A token for each column of a row, after a first one of its own: (B, F) to (B, 1 + F, width).

    Args:
        categories: number of indices of each of the last columns.
        width: of a token.
    """

    def __init__(self, categories: Sequence[int], width: int, **options: object) -> None:
        super().__init__(**options)
        self.categories, self.width = tuple(categories), width

    def build(self, input_shape: Sequence[int]) -> None:
        """Makes a direction and an offset for each number, and the table of all categories."""
        numbers = input_shape[-1] - len(self.categories)
        bound = 1 / math.sqrt(self.width)
        start = keras.initializers.RandomUniform(-bound, bound)
        self.first = self.add_weight(shape=(1, 1, self.width), initializer=start, name="first")
        self.offset = self.add_weight(shape=(input_shape[-1], self.width), initializer=start, name="offset")
        if numbers:
            self.slope = self.add_weight(shape=(numbers, self.width), initializer=start, name="slope")
        if self.categories:
            self.table = self.add_weight(shape=(sum(self.categories), self.width), initializer=start, name="table")

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        numbers, places = _split(inputs, self.categories)
        parts = [numbers[:, :, None] * self.slope[None]] if numbers.shape[-1] else []
        parts += [ops.take(self.table, places, axis=0)] if self.categories else []
        tokens = ops.concatenate(parts, axis=1) + self.offset[None]
        first = ops.zeros_like(tokens[:, :1]) + self.first
        return ops.concatenate([first, tokens], axis=1)

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """(B, 1 + F, width)."""
        return (input_shape[0], 1 + input_shape[-1], self.width)

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "categories": list(self.categories), "width": self.width}


@keras.saving.register_keras_serializable(package="kzoo")
class ResidualBlock(keras.layers.Layer):
    """``x + dense(relu(dense(normal(x))))``, (B, width) in and out; the layer between is twice as wide."""

    def __init__(self, width: int, *, dropout: float, **options: object) -> None:
        super().__init__(**options)
        self.width, self.rate = width, dropout
        self.normal = L.LayerNormalization(name="normal")
        self.up = L.Dense(2 * width, activation="relu", name="up")
        self.drop = L.Dropout(dropout, name="drop")
        self.down = L.Dense(width, name="down")

    def build(self, input_shape: Sequence[int]) -> None:
        """Builds the layers inside."""
        self.normal.build(input_shape)
        self.up.build(input_shape)
        self.down.build((*input_shape[:-1], 2 * self.width))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        return inputs + self.down(self.drop(self.up(self.normal(inputs)), training=training))

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """(B, width)."""
        return input_shape

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "width": self.width, "dropout": self.rate}


@keras.saving.register_keras_serializable(package="kzoo")
class ColumnAttention(keras.layers.Layer):
    """A transformer block over columns, normalized before each part: (B, T, width) in and out."""

    def __init__(self, heads: int, *, dropout: float, **options: object) -> None:
        super().__init__(**options)
        self.heads, self.rate = heads, dropout

    def build(self, input_shape: Sequence[int]) -> None:
        """Makes and builds the layers inside, of the width of the tokens."""
        width = input_shape[-1]
        self.normal = L.LayerNormalization(name="normal")
        self.attention = L.MultiHeadAttention(self.heads, width // self.heads, name="attention")
        self.normal_up = L.LayerNormalization(name="normal_up")
        self.up = L.Dense(2 * width, activation="gelu", name="up")
        self.drop = L.Dropout(self.rate, name="drop")
        self.down = L.Dense(width, name="down")
        for layer in (self.normal, self.normal_up, self.up):
            layer.build(input_shape)
        self.attention.build(input_shape, input_shape)
        self.down.build((*input_shape[:-1], 2 * width))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        x = self.normal(inputs)
        x = inputs + self.attention(x, x, training=training)
        return x + self.down(self.drop(self.up(self.normal_up(x)), training=training))

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """(B, T, width)."""
        return input_shape

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "heads": self.heads, "dropout": self.rate}


@keras.saving.register_keras_serializable(package="kzoo")
class FirstToken(keras.layers.Layer):
    """The first token of each row, which has looked at all others: (B, T, width) to (B, width)."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return inputs[:, 0]

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """(B, width)."""
        return (input_shape[0], input_shape[-1])
