"""One phase: in which precision its layers compute."""

import keras
import numpy as np
import pytest

from kzoo.training.phase import computing_in


class Noted(keras.layers.Layer):
    """A layer that notes the dtype of what it gets, and changes nothing."""

    def __init__(self, **options):
        super().__init__(**options)
        self.noted = []

    def call(self, inputs):
        self.noted.append(keras.backend.standardize_dtype(inputs.dtype))
        return inputs


def network():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, activation="relu")(inputs)
    noted = Noted(name="noted")
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(noted(x))), noted


def test_layers_compute_in_the_precision_and_weights_and_logits_stay_float32():
    model, noted = network()
    noted.noted.clear()
    with computing_in(model, "mixed_bfloat16"):
        found = model(np.ones((2, 4), np.float32))
        assert noted.noted == ["bfloat16"]
        assert keras.backend.standardize_dtype(found.dtype) == "float32"
        assert {variable.dtype for variable in model.variables} == {"float32"}
    model(np.ones((2, 4), np.float32))
    assert noted.noted[-1] == "float32"


def test_layers_have_their_own_precision_again_after_an_error():
    model, _ = network()
    with pytest.raises(KeyError), computing_in(model, "mixed_bfloat16"):
        raise KeyError
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_without_a_precision_nothing_changes():
    model, noted = network()
    with computing_in(model, None):
        model(np.ones((2, 4), np.float32))
    assert set(noted.noted) == {"float32"}


def test_training_moves_float32_weights():
    model, noted = network()
    before = [np.array(each) for each in model.get_weights()]
    noted.noted.clear()
    model.compile("sgd", "mse", jit_compile=False)
    with computing_in(model, "mixed_bfloat16"):
        model.fit(np.ones((8, 4), np.float32), np.zeros((8, 2), np.float32), epochs=1, verbose=0)
    assert "bfloat16" in noted.noted
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
