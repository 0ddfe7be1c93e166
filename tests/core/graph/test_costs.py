"""FLOPs are those of the kernels, at all positions."""

import keras

from kzoo.core.graph.costs import flops, model_flops


def test_flops_of_a_convolution_and_a_dense_layer():
    inputs = keras.Input((16, 16, 3))
    convolution, flatten, dense = (
        keras.layers.Conv2D(4, 3, padding="same"),
        keras.layers.Flatten(),
        keras.layers.Dense(5),
    )
    model = keras.Model(inputs, dense(flatten(convolution(inputs))))
    counts = [2 * 3 * 3 * 3 * 4 * 16 * 16, 0, 2 * 4 * 16 * 16 * 5]
    assert [flops(layer) for layer in model.layers[1:]] == counts
    around = keras.Model(outer := keras.Input((16, 16, 3)), model(outer))
    assert model_flops(around) == model_flops(model) == sum(counts)


def test_a_look_up_costs_nothing():
    inputs = keras.Input((7,), dtype="int32")
    assert model_flops(keras.Model(inputs, keras.layers.Embedding(100, 8)(inputs))) == 0
