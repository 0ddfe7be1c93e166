"""Ranges leave out a few values that would make all others coarse."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from kzoo.serving.litert.activation_ranges import narrow_ranges
from kzoo.serving.litert.compact import unpacked
from kzoo.serving.litert.interpreter import quiet_converter
from kzoo.serving.litert.quantization import calibrated, in_8_bits
from tests.serving.litert.conftest import converter_of

INT8 = schema.TensorType.INT8


def test_a_range_leaves_out_single_high_values():
    inputs = keras.Input((4096,))
    model = keras.Model(inputs, [keras.layers.Dense(2)(inputs), inputs])
    spec = tf.TensorSpec((4096,), tf.float32)
    values = np.random.default_rng(0).normal(0, 1, (50, 4096)).astype(np.float32)
    values[0, 0] = 6.0
    with quiet_converter():
        before = calibrated(converter_of(model, spec), values).calibrated_model
    after = narrow_ranges(before, values)
    widest = [
        max(
            float(each.quantization.max[0])
            for each in unpacked(content).subgraphs[0].tensors
            if each.quantization is not None and each.quantization.max is not None and len(each.quantization.max) == 1
        )
        for content in (before, after)
    ]
    assert widest[0] >= 6.0
    assert widest[1] < 5.9


def test_a_file_has_the_narrower_range():
    inputs = keras.Input((4096,))
    model = keras.Model(inputs, [keras.layers.Dense(2)(keras.layers.Dense(8)(inputs)), inputs])
    values = np.random.default_rng(0).normal(0, 1, (50, 4096)).astype(np.float32)
    values[0, 0] = 6.0
    with quiet_converter():
        debugger = calibrated(converter_of(model, tf.TensorSpec((4096,), tf.float32)), values)
        content = in_8_bits(debugger, values)
    tensors = unpacked(content).subgraphs[0].tensors
    (step,) = {
        float(each.quantization.scale[0]) for each in tensors if each.type == INT8 and tuple(each.shape) == (1, 4096)
    }
    assert step < 0.95 * (6 - values.min()) / 255
