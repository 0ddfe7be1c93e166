"""A small network with what adapted image models have: folded convolutions, two levels, a standardised head."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.core.graph.folding import fold
from kzoo.models.heads import Standardize
from kzoo.serving.constant_function import constant_function
from kzoo.serving.litert.interpreter import quiet_converter

FITTED = tf.TensorSpec((16, 16, 3), tf.float32)


@pytest.fixture(scope="package")
def images():
    rng = np.random.default_rng(0)
    tones = rng.uniform(0, 255, (60, 1, 1, 3))
    return np.clip(tones + rng.normal(0, 40, (60, 16, 16, 3)), 0, 255).astype(np.float32)


@pytest.fixture(scope="package")
def model(images):
    """Outputs and features; weights of the head differ by powers of ten between features."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    levels = []
    for strides in (1, 2):
        x = keras.layers.Conv2D(24, 1, use_bias=False)(x)
        x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
        x = keras.layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
        levels.append(keras.layers.Flatten()(keras.layers.AveragePooling2D(x.shape[1:3])(x)))
    features = keras.layers.Concatenate()([*levels, keras.layers.GlobalAveragePooling2D()(x)])
    trunk = keras.Model(inputs, features)
    for layer in trunk.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            found = keras.Model(inputs, layer.input)(images)
            layer.moving_mean.assign(keras.ops.mean(found, (0, 1, 2)))
            layer.moving_variance.assign(keras.ops.var(found, (0, 1, 2)))
            layer.gamma.assign(np.random.default_rng(1).uniform(0.05, 2, layer.gamma.shape))
    standard = Standardize()
    logits = keras.layers.Dense(5)(standard(features))
    found = np.asarray(trunk(images))
    standard.mean.assign(found.mean(0))
    standard.deviation.assign(found.std(0) + 1e-4)
    outputs = keras.layers.Softmax()(logits)
    return fold(keras.Model(inputs, [outputs, features]))


def converter_of(model, fitted=FITTED, *, smaller=True):
    """A converter, which quantizes if `smaller`."""
    function = constant_function(model, fitted).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if smaller else []
    return converter


def converted(model, *, smaller):
    with quiet_converter():
        return converter_of(model, smaller=smaller).convert()
