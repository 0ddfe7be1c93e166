"""Audio backbones: features (B, steps, values) in, a feature map or one vector per recording out."""

from __future__ import annotations

import keras

from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.models.hub.rewiring import clone, load, rewire

L = keras.layers


def keyword_cnn(input_shape: tuple[int, int], *, width: int, blocks: int) -> keras.Model:
    """Depthwise-separable convolutions over a log-mel spectrogram (DS-CNN of Hello Edge, arXiv:1711.07128).

    Args:
        input_shape: (steps, mels). Values are in [0, 1].
        width: channels.
        blocks: number of depthwise-pointwise pairs; every second pair halves time and frequency.
    """
    features = keras.Input(input_shape, name="features")
    x = L.Reshape((*input_shape, 1), name="map")(features)
    x = L.Rescaling(4.0, offset=-2.0, name="centre")(x)
    x = _normal(L.Conv2D(width, (5, 5), strides=2, padding="same", use_bias=False, name="stem")(x), "stem")
    for number in range(blocks):
        strides = 2 if number % 2 == 1 else 1
        name = f"block{number + 1}"
        x = L.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = _normal(x, f"{name}_depthwise")
        x = _normal(L.Conv2D(width, 1, use_bias=False, name=f"{name}_pointwise")(x), f"{name}_pointwise")
    return keras.Model(features, x, name="keyword_cnn")


def _normal(x: Tensor, name: str) -> Tensor:
    return L.ReLU(name=f"{name}_relu")(L.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x))


def whisper(input_shape: tuple[int, int], *, preset: str, weights: str | None = None) -> keras.Model:
    """The encoder of a KerasHub Whisper model (arXiv:2212.04356), averaged over time.

    Args:
        input_shape: (steps, mels), for log-mel features as Whisper computes them.
        preset: name or folder of a preset.
        weights: ``"preset"``, or None for random weights.
    """
    return whisper_encoder(keras.Input(input_shape, name="features"), load(preset, weights=weights, extra="audio"))


def whisper_encoder(features: Tensor, original: keras.Model) -> keras.Model:
    """The encoder of a KerasHub Whisper model on log-mel features (B, steps, mels), averaged over time."""
    states = rewire(original, {"encoder_features": features}, output="encoder_sequence_output")
    return keras.Model(features, L.GlobalAveragePooling1D(name="pooled")(states), name="whisper")


def moonshine(input_shape: tuple[int, int], *, preset: str, weights: str | None = None) -> keras.Model:
    """The encoder of a KerasHub Moonshine model (arXiv:2410.15608), averaged over time.

    Args:
        input_shape: (samples, 1), for waveforms in [-1, 1].
        preset: name or folder of a preset.
        weights: ``"preset"``, or None for random weights.
    """
    return moonshine_encoder(keras.Input(input_shape, name="features"), load(preset, weights=weights, extra="audio"))


def moonshine_encoder(waves: Tensor, original: keras.Model) -> keras.Model:
    """The encoder of a KerasHub Moonshine model on waveforms (B, samples, 1), averaged over time."""
    names = ("conv1", "tanh_after_conv1", "group_norm", "conv2", "gelu_after_conv2", "conv3", "gelu_after_conv3")
    pairs, x = [], waves
    for name in names:
        pairs.append((clone(original.get_layer(name)), original.get_layer(name)))
        x = pairs[-1][0](x)
    rotary = original.encoder_rotary_embedding
    for number, block in enumerate(original.encoder_blocks):
        pairs.append((RotaryBlock(clone(block), clone(rotary), name=f"block{number + 1}"), None))
        x = pairs[-1][0](x)
        pairs[-1][0].block.set_weights(block.get_weights())
    pairs.append((clone(original.encoder_final_layer_norm), original.encoder_final_layer_norm))
    states = pairs[-1][0](x)
    for made, source in pairs:
        if source is not None:
            made.set_weights(source.get_weights())
    return keras.Model(waves, L.GlobalAveragePooling1D(name="pooled")(states), name="moonshine")


@keras.saving.register_keras_serializable(package="kzoo", name="Turning")
class RotaryBlock(keras.layers.Layer):
    """A transformer block with its own rotary position embedding: (B, T, C) in and out.

    Positions have no batch dimension, so a model cut between two blocks could not take them as an input.
    """

    def __init__(self, block: keras.layers.Layer, rotary: keras.layers.Layer, **options: object) -> None:
        super().__init__(**options)
        self.block, self.rotary = block, rotary

    def build(self, input_shape: Shape) -> None:
        """Builds both layers."""
        self.rotary.build((input_shape[1],))
        self.block.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        positions = keras.ops.arange(inputs.shape[1], dtype="int32")
        return self.block(inputs, rotary_embedding=self.rotary(positions), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, T, C)."""
        return input_shape

    def get_config(self) -> Config:
        """The config of the layer."""
        parts = {"block": self.block, "rotary": self.rotary}
        plain = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        # Both are built by this layer, not from their own build configs.
        return super().get_config() | {name: {**part, "build_config": None} for name, part in plain.items()}

    @classmethod
    def from_config(cls, config: Config) -> RotaryBlock:
        """The layer with this config."""
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("block", "rotary")}
        return cls(**{**config, **parts})
