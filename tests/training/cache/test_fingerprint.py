"""A fingerprint tells models apart, and is the same for two builds of one model."""

import importlib.util
import sys

import keras
import numpy as np

from kzoo.training.cache.fingerprint import fingerprint


def small(*, strides=1, slope=0.0):
    """A convolution and an activation, the same each time but for their names, which Keras counts up."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, strides=strides)(inputs)
    return keras.Model(inputs, keras.layers.ReLU(negative_slope=slope)(x))


def activated(activation, **options):
    """An activation."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Activation(activation, **options)(inputs))


def test_two_builds_of_a_model_have_one_fingerprint():
    first, second = small(), small()
    assert first.layers[1].name != second.layers[1].name
    assert fingerprint(first) == fingerprint(second)


def test_a_name_that_is_a_key_of_the_configuration_too_changes_nothing():
    """Keras calls the first Activation of a process "activation", the second "activation_1"."""
    assert fingerprint(activated("relu", name="activation")) == fingerprint(activated("relu", name="activation_1"))


def test_one_weight_changes_the_fingerprint():
    model = small()
    before = fingerprint(model)
    kernel, bias = model.layers[1].get_weights()
    kernel[2, 1, 0, 3] = np.nextafter(kernel[2, 1, 0, 3], 9, dtype=np.float32)
    model.layers[1].set_weights([kernel, bias])
    assert fingerprint(model) != before


def test_the_configuration_of_one_layer_changes_the_fingerprint():
    found = [fingerprint(small(**options)) for options in ({}, {"strides": 2}, {"slope": 0.1})]
    assert len(set(found)) == 3


def test_a_layer_named_as_its_activation_is_told_from_another_one():
    assert fingerprint(activated("relu", name="relu")) != fingerprint(activated("tanh", name="tanh"))


def test_where_a_model_is_left_changes_the_fingerprint():
    model = small()
    assert fingerprint(keras.Model(model.input, model.layers[1].output)) != fingerprint(model)


SOURCE = """
import keras

class Odd(keras.layers.Layer):
    def call(self, inputs):
        return inputs * {factor}
"""


def scaled(path, monkeypatch):
    """A model with a layer class of one's own, from a file."""
    spec = importlib.util.spec_from_file_location("own_layers", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_layers", module)
    spec.loader.exec_module(module)
    inputs = keras.Input((4,))
    return keras.Model(inputs, module.Odd()(inputs))


def test_the_source_of_a_layer_of_ones_own_changes_the_fingerprint(tmp_path, monkeypatch):
    found = []
    for number, factor in enumerate((2, 2, 3)):
        path = tmp_path / f"{number}.py"
        path.write_text(SOURCE.format(factor=factor))
        found.append(fingerprint(scaled(path, monkeypatch)))
    assert found[0] == found[1] != found[2]
