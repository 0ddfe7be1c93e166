"""A model's result on an example does not depend on the batch that it stands in."""

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.calling import compiled, forward, forward_batches


def noisy():
    """Two inputs, two outputs, and dropout between."""
    one, two = keras.Input((4,)), keras.Input((2,))
    x = keras.layers.Dropout(0.9)(keras.layers.Dense(3)(one))
    return keras.Model([one, two], [keras.layers.Concatenate()([x, two]), x])


RNG = np.random.default_rng(0)
ARRAYS = [RNG.normal(size=(10, 4)).astype(np.float32), RNG.normal(size=(10, 2)).astype(np.float32)]


def test_a_result_does_not_depend_on_its_company():
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(inputs))
    call = compiled(keras.Model(inputs, keras.layers.Dense(3)(x)))
    images = RNG.uniform(0, 255, (10, 16, 16, 3)).astype(np.float32)
    together = forward(call, [images], batch_size=4)
    alone = np.concatenate([forward(call, [image[None]], batch_size=4) for image in images])
    assert np.array_equal(together, alone)


def test_a_compiled_model_has_no_dropout_and_gives_all_outputs():
    model = noisy()
    found = compiled(model)(*map(tf.constant, ARRAYS))
    for one, other in zip(found, model(ARRAYS, training=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_batches_give_what_one_array_gives():
    call = compiled(noisy())
    batches = [[array[start : start + 3] for array in ARRAYS] for start in range(0, 10, 3)]
    np.testing.assert_array_equal(forward_batches(call, batches, batch_size=4), forward(call, ARRAYS, batch_size=4))
