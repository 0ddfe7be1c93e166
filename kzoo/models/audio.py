"""Backbones for sound: from features (B, steps, values) to a map or to one vector a recording."""

from __future__ import annotations

from typing import Any

import keras

from kzoo.models.hub import load, rewire

L = keras.layers


def keyword_cnn(input_shape: tuple[int, int], *, width: int, blocks: int) -> keras.Model:
    """Depthwise-separable convolutions over a log-mel spectrogram (DS-CNN of Hello Edge, arXiv:1711.07128).

    Args:
        input_shape: (steps, mels), of features in 0..1.
        width: channels.
        blocks: depthwise and pointwise pairs; every other one halves time and frequency.
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


def _normal(x: Any, name: str) -> Any:
    return L.ReLU(name=f"{name}_relu")(L.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x))


def whisper(input_shape: tuple[int, int], *, preset: str, weights: Any = None) -> keras.Model:
    """The encoder of a Whisper of KerasHub's (arXiv:2212.04356), its states averaged over time.

    Args:
        input_shape: (steps, mels), of its own log-mel features.
        preset: name of a preset, or its folder.
        weights: ``"preset"``, or None for random ones.
    """
    original = load(preset, weights=weights, extra="audio")
    features = keras.Input(input_shape, name="features")
    states = rewire(original, {"encoder_features": features}, output="encoder_sequence_output")
    return keras.Model(features, L.GlobalAveragePooling1D(name="pooled")(states), name="whisper")
