"""Nested models are opened: the same layers, in one graph."""

import keras
import numpy as np

from kzoo.core.graph.opening import open_nested, tensors_below

L = keras.layers
X = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)


def nested():
    inner_input = keras.Input((8, 8, 4))
    inner = keras.Model(inner_input, L.GlobalAveragePooling2D()(L.Conv2D(5, 3, name="deep")(inner_input)))
    row = keras.Sequential([keras.Input((5,)), L.Dense(4, activation="relu"), L.Dense(2)])
    inputs = keras.Input((8, 8, 3))
    x = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(inputs))
    return keras.Model(inputs, row(inner(x, training=False)))


def test_no_model_is_left_inside_and_answers_are_the_same():
    model = nested()
    opened = open_nested(model)
    assert not any(isinstance(each, keras.Model) for each in opened.layers)
    assert "deep" in [layer.name for layer in opened.layers]
    np.testing.assert_allclose(opened(X, training=False), model(X, training=False), rtol=1e-6)


def test_weights_are_shared():
    model = nested()
    opened = open_nested(model)
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    np.testing.assert_allclose(opened(X, training=False), model(X, training=False), rtol=1e-6)


def test_the_model_itself_is_returned_where_none_is_inside():
    model = nested().layers[-2]
    assert open_nested(model) is model


def test_several_outputs_keep_their_order():
    model = nested()
    both = keras.Model(model.input, [model.layers[1].output, model.output])
    found = open_nested(both)(X, training=False)
    for one, other in zip(found, both(X, training=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_tensors_come_in_the_order_of_the_graph():
    model = nested().layers[-2]
    shapes = [tensor.shape for tensor in tensors_below(model.output)]
    assert shapes == [(None, 8, 8, 4), (None, 6, 6, 5), (None, 5)]
