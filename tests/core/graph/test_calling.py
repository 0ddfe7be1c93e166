"""A model's result on an example does not depend on the batch that it stands in."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.core.graph.calling import STEADY_BATCH, compiled, forward, forward_batches, steady_batch


def noisy():
    """Two inputs, two outputs, and dropout between."""
    one, two = keras.Input((4,)), keras.Input((2,))
    x = keras.layers.Dropout(0.9)(keras.layers.Dense(3)(one))
    return keras.Model([one, two], [keras.layers.Concatenate()([x, two]), x])


RNG = np.random.default_rng(0)
ARRAYS = [RNG.normal(size=(10, 4)).astype(np.float32), RNG.normal(size=(10, 2)).astype(np.float32)]


def small():
    inputs = keras.Input((7, 7, 9))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 1, activation="gelu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def large():
    inputs = keras.Input((96, 96, 3))
    x = keras.layers.Conv2D(64, 3, strides=2, activation="swish")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(40, 3, activation="relu")(x))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [small, large])
def test_a_result_depends_neither_on_its_company_nor_on_its_place(make, seed):
    keras.utils.set_random_seed(seed)
    model = make()
    call, batch_size = compiled(model), steady_batch(model)
    examples = np.random.default_rng(seed).uniform(0, 9, (29, *model.input_shape[1:])).astype(np.float32)
    together = forward(call, [examples], batch_size=batch_size)
    alone = [forward(call, [example[None]], batch_size=batch_size) for example in examples]
    assert np.array_equal(together, np.concatenate(alone))
    order = np.random.default_rng(seed).permutation(29)
    assert np.array_equal(together[order], forward(call, [examples[order]], batch_size=batch_size))


def test_a_large_model_takes_one_example_at_once_on_a_cpu(monkeypatch):
    assert steady_batch(small()) == STEADY_BATCH
    model = large()
    assert steady_batch(model) == 1
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert steady_batch(model) == STEADY_BATCH


def test_a_compiled_model_has_no_dropout_and_gives_all_outputs():
    model = noisy()
    found = compiled(model)(*map(tf.constant, ARRAYS))
    for one, other in zip(found, model(ARRAYS, training=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_batches_give_what_one_array_gives():
    call = compiled(noisy())
    batches = [[array[start : start + 3] for array in ARRAYS] for start in range(0, 10, 3)]
    np.testing.assert_array_equal(forward_batches(call, batches, batch_size=4), forward(call, ARRAYS, batch_size=4))
