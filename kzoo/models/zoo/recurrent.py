"""Recurrent and temporal networks: series, token ids or log-mel frames in, the mean of the states of all steps out."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.models.zoo.text import MaskedMean, PaddingMask

L = keras.layers
ops = keras.ops

CELLS = {"gru": L.GRU, "lstm": L.LSTM}
"""Recurrent layers by name (GRU: arXiv:1406.1078; LSTM: Hochreiter and Schmidhuber 1997)."""


def series_recurrent(
    input_shape: tuple[int, int], *, cell: str, width: int, blocks: int, dropout: float
) -> keras.Model:
    """Bidirectional recurrent blocks over the steps of a series.

    Args:
        input_shape: (steps, values), whose last value is 1 for a step that is there and 0 for padding, as
            `kzoo.data.series.preprocess.SeriesPreprocessor` gives them.
        cell: ``"gru"`` or ``"lstm"``.
        width: of the states; each direction has half of it.
        blocks: recurrent layers.
        dropout: before each block.
    """
    series = keras.Input(input_shape, name="series")
    mask = StepMask(name="mask")(series)
    x = L.Dense(width, name="step_values")(series)
    return keras.Model(series, _recur(x, mask, cell, blocks, dropout), name=f"series_{cell}")


def series_tcn(input_shape: tuple[int, int], *, width: int, blocks: int, kernel: int, dropout: float) -> keras.Model:
    """Residual blocks of dilated causal convolutions (TCN, arXiv:1803.01271), with LayerNorm.

    Args:
        input_shape: as of `series_recurrent`.
        width: channels.
        blocks: each sees twice as far back as the one before.
        kernel: steps of a convolution.
        dropout: of whole channels, after each convolution.
    """
    series = keras.Input(input_shape, name="series")
    mask = StepMask(name="mask")(series)
    x = L.Dense(width, name="step_values")(series)
    for number in range(1, blocks + 1):
        x = TemporalBlock(width, kernel, 2 ** (number - 1), dropout, name=f"block{number}")(x)
    return keras.Model(series, MaskedMean(name="pooled")([x, mask]), name="series_tcn")


def text_recurrent(
    input_shape: tuple[int, ...], *, buckets: int, cell: str, width: int, blocks: int, dropout: float
) -> keras.Model:
    """Bidirectional recurrent blocks over embeddings of tokens.

    Args:
        input_shape: (T,).
        buckets: size of the vocabulary; 0 is padding.
        cell, width, blocks, dropout: as of `series_recurrent`.
    """
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    x = L.Embedding(buckets, width, name="embedding")(ids)
    x = L.SpatialDropout1D(dropout, name="embedding_drop")(x)
    return keras.Model(ids, _recur(x, PaddingMask(0, name="mask")(ids), cell, blocks, dropout), name=f"text_{cell}")


def audio_recurrent(
    input_shape: tuple[int, int], *, cell: str, width: int, blocks: int, stride: int, dropout: float
) -> keras.Model:
    """Bidirectional recurrent blocks over frames of a log-mel spectrogram.

    Args:
        input_shape: (steps, mels). Values are in [0, 1].
        cell, width, blocks, dropout: as of `series_recurrent`.
        stride: frames that a first convolution makes one step of.
    """
    frames = keras.Input(input_shape, name="features")
    x = L.Rescaling(4.0, offset=-2.0, name="centre")(frames)
    x = L.Conv1D(width, 2 * stride + 1, strides=stride, padding="same", activation="relu", name="frames")(x)
    mask = EveryStep(name="mask")(x)
    return keras.Model(frames, _recur(x, mask, cell, blocks, dropout), name=f"audio_{cell}")


def _recur(x: Tensor, mask: Tensor, cell: str, blocks: int, dropout: float) -> Tensor:
    """The mean of the states after some blocks, over the steps of a mask (B, T)."""
    for number in range(1, blocks + 1):
        x = L.Dropout(dropout, name=f"block{number}_drop")(x)
        x = RecurrentBlock(cell, x.shape[-1], name=f"block{number}")([x, mask])
    return MaskedMean(name="pooled")([x, mask])


@keras.saving.register_keras_serializable(package="kzoo")
class StepMask(keras.layers.Layer):
    """A mask, int32 (B, T), of series (B, T, values) whose last value says whether a step is there."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return ops.cast(inputs[..., -1] > 0.5, "int32")

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """(B, T), int32."""
        return keras.KerasTensor(inputs.shape[:-1], dtype="int32")


@keras.saving.register_keras_serializable(package="kzoo")
class EveryStep(keras.layers.Layer):
    """A mask of ones, int32 (B, T), of states (B, T, C)."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return ops.ones_like(inputs[..., 0], dtype="int32")

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """(B, T), int32."""
        return keras.KerasTensor(inputs.shape[:-1], dtype="int32")


@keras.saving.register_keras_serializable(package="kzoo")
class RecurrentBlock(keras.layers.Layer):
    """A residual block of a bidirectional recurrent layer: states (B, T, C) and a mask (B, T) in, (B, T, C) out.

    Args:
        cell: a name of `CELLS`.
        width: C, an even number.
    """

    def __init__(self, cell: str, width: int, **options: object) -> None:
        super().__init__(**options)
        self.cell, self.width = cell, width
        # cuDNN's kernels take masks only of padding at the end, which missing steps are not.
        self.forward = CELLS[cell](width // 2, return_sequences=True, use_cudnn=False, name="forward")
        self.backward = CELLS[cell](
            width - width // 2, return_sequences=True, go_backwards=True, use_cudnn=False, name="backward"
        )
        self.normal = L.LayerNormalization(name="normal")

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Builds its layers."""
        for layer in (self.forward, self.backward):
            layer.build(input_shape[0])
        self.normal.build(input_shape[0])

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        """See the class."""
        states, mask = inputs
        there = ops.cast(mask, "bool")
        ahead = self.forward(states, mask=there, training=training)
        # Its states come in the order in which they were made, from the last step to the first.
        back = ops.flip(self.backward(states, mask=there, training=training), axis=1)
        return self.normal(states + ops.concatenate([ahead, back], axis=-1))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, T, C)."""
        return tuple(input_shape[0])

    def get_config(self) -> Config:
        """Its arguments."""
        return {**super().get_config(), "cell": self.cell, "width": self.width}


@keras.saving.register_keras_serializable(package="kzoo")
class TemporalBlock(keras.layers.Layer):
    """A residual block of two dilated causal convolutions: (B, T, C) in and out.

    Args:
        width: C.
        kernel: steps of a convolution.
        dilation: steps between these.
        dropout: of whole channels.
    """

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float, **options: object) -> None:
        super().__init__(**options)
        self.width, self.kernel, self.dilation, self.dropout = width, kernel, dilation, dropout
        made = {"padding": "causal", "dilation_rate": dilation, "activation": "relu"}
        self.first = L.Conv1D(width, kernel, **made, name="first")
        self.second = L.Conv1D(width, kernel, **made, name="second")
        self.drops = [L.SpatialDropout1D(dropout, name=f"drop{number}") for number in (1, 2)]
        self.normal = L.LayerNormalization(name="normal")

    def build(self, input_shape: Shape) -> None:
        """Builds its layers."""
        for layer in (self.first, self.second, self.normal):
            layer.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        x = self.drops[0](self.first(inputs), training=training)
        x = self.drops[1](self.second(x), training=training)
        return self.normal(inputs + x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, C)."""
        return tuple(input_shape)

    def get_config(self) -> Config:
        """Its arguments."""
        names = ("width", "kernel", "dilation", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
