"""A clone gives the same as its model, shares nothing with it, and goes where the model does not fit."""

import keras
import numpy as np
import pytest

from kzoo.core.graph.cloning import clone, graft, replay

L = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def model():
    """Pixels normalized by what was seen of them; one convolution called twice; two outputs."""
    inputs = keras.Input((8, 8, 3))
    normal = L.Normalization(name="normal")
    normal.adapt(IMAGES)
    convolve = L.Conv2D(3, 3, padding="same", name="convolve")
    x = L.ReLU(name="relu")(convolve(normal(inputs)))
    x = L.BatchNormalization(name="norm")(convolve(x))
    return keras.Model(inputs, [x, L.GlobalAveragePooling2D(name="pool")(x)])


def assert_same(found, wanted):
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_clone_with_weights_gives_the_same_and_shares_none(model):
    copied = clone(model, weights=model.get_weights())
    assert_same(copied(IMAGES), model(IMAGES))
    assert not {id(each) for each in copied.weights} & {id(each) for each in model.weights}
    assert [each.name for each in copied.layers[1:]] == [each.name for each in model.layers[1:]]


def test_a_clone_without_weights_has_other_ones(model):
    assert not np.array_equal(clone(model).get_layer("convolve").kernel, model.get_layer("convolve").kernel)


def test_a_clone_takes_inputs_of_another_size(model):
    copied = clone(model, inputs=keras.Input((16, 16, 3)), weights=model.get_weights())
    assert copied.output_shape[0] == (None, 16, 16, 3)


def test_a_graft_has_the_names_of_its_prefix_and_hangs_on_other_inputs(model):
    inputs = keras.Input((8, 8, 3))
    whole = keras.Model(inputs, graft(model, L.Rescaling(2.0, name="twice")(inputs), prefix="part"))
    assert {"part.convolve", "part.norm"} <= {each.name for each in whole.layers}
    assert_same(whole(IMAGES), model(2 * IMAGES))


def test_a_replay_puts_other_layers_in_place_of_some(model):
    def renew(layer):
        kind = L.Activation("sigmoid") if layer.name == "relu" else layer.__class__.from_config(layer.get_config())
        return kind

    inputs, called = keras.Input((8, 8, 3)), []

    def call(layer, *arguments, **options):
        called.append(layer.name)
        return layer(*arguments, **options)

    other = keras.Model(inputs, replay(model, inputs, renew=renew, call=call))
    assert called.count("convolve") == 2
    assert not np.allclose(other(IMAGES)[1], model(IMAGES)[1])
    np.testing.assert_array_equal(other.get_layer("convolve").kernel, model.get_layer("convolve").kernel)


class Halves(L.Layer):
    """Two outputs of one call."""

    def call(self, inputs):
        return inputs[:, :2], inputs[:, 2:]


def test_each_output_of_a_call_is_found_by_its_place():
    inputs = keras.Input((4,))
    first, second = Halves(name="halves")(inputs)
    model = keras.Model(inputs, [second, first])
    others = keras.Input((4,))
    assert_same(keras.Model(others, graft(model, others, prefix="x"))(np.eye(4)), model(np.eye(4)))
