"""Row backbones: numbers and indices of categories (B, F), float32, in; one vector a row (B, width) out.

The first of the F inputs are numbers, the last ones indices, as `kzoo.data.row.preprocess.RowPreprocessor` gives them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.models.zoo.row_layers import ColumnAttention, FirstToken, ResidualBlock, RowEmbedding, RowTokens

L = keras.layers


def row_mlp(
    input_shape: tuple[int, ...],
    *,
    categories: Sequence[int] = (),
    width: int,
    depth: int,
    frequencies: int,
    sigma: float,
    dropout: float,
) -> keras.Model:
    """An MLP on periodic embeddings of numbers (MLP-PLR, arXiv:2203.05556) beside the numbers themselves.

    Args:
        input_shape: (F,).
        categories: number of indices of each column of categories; these are the last of the F inputs.
        width: units of each layer.
        depth: layers.
        frequencies: of the embedding of each number.
        sigma: deviation of the frequencies at the start.
        dropout: after each layer.
    """
    rows = keras.Input(input_shape, name="row")
    x = RowEmbedding(categories, frequencies=frequencies, sigma=sigma, name="embedding")(rows)
    for number in range(1, depth + 1):
        x = L.Dense(width, activation="relu", name=f"dense{number}")(x)
        x = L.Dropout(dropout, name=f"drop{number}")(x)
    return keras.Model(rows, x, name="row_mlp")


def row_resnet(
    input_shape: tuple[int, ...],
    *,
    categories: Sequence[int] = (),
    width: int,
    blocks: int,
    frequencies: int,
    sigma: float,
    dropout: float,
) -> keras.Model:
    """A residual network for rows (arXiv:2106.11959), with LayerNorm, on the embeddings of `row_mlp`.

    Args: as of `row_mlp`; ``blocks``: residual blocks.
    """
    rows = keras.Input(input_shape, name="row")
    x = RowEmbedding(categories, frequencies=frequencies, sigma=sigma, name="embedding")(rows)
    x = L.Dense(width, name="project")(x)
    for number in range(1, blocks + 1):
        x = ResidualBlock(width, dropout=dropout, name=f"block{number}")(x)
    x = L.LayerNormalization(name="normal")(x)
    return keras.Model(rows, L.ReLU(name="features")(x), name="row_resnet")


def row_ft_transformer(
    input_shape: tuple[int, ...],
    *,
    categories: Sequence[int] = (),
    width: int,
    blocks: int,
    heads: int,
    dropout: float,
) -> keras.Model:
    """A transformer over the columns of a row, each of them a token (FT-Transformer, arXiv:2106.11959).

    Args: as of `row_mlp`; ``blocks`` and ``heads``: of the transformer.
    """
    rows = keras.Input(input_shape, name="row")
    x = RowTokens(categories, width, name="tokens")(rows)
    for number in range(1, blocks + 1):
        x = ColumnAttention(heads, dropout=dropout, name=f"block{number}")(x)
    x = L.LayerNormalization(name="normal")(x)
    return keras.Model(rows, FirstToken(name="features")(x), name="row_ft_transformer")
