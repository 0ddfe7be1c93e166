"""Trunk and tail together are the model; training the tail is training the model; a fingerprint tells models apart."""

import importlib.util
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.models.assembly import assemble
from kzoo.models.folding import fold
from kzoo.models.taps import find_taps
from kzoo.specs.head import Head
from kzoo.training.freezing import set_trainable
from kzoo.training.trunk import budget, compiled, cut, fingerprint, forward, pack


@pytest.fixture
def assembled(backbone):
    return assemble(backbone, head=Head(levels="all", dropout=0.0), outputs=3)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (10, 16, 16, 3)).astype(np.float32)


def below(part, pictures):
    """What enters the tail."""
    return [pictures] if part.trunk is None else [x.numpy() for x in compiled(part.trunk)(tf.constant(pictures))]


@pytest.mark.parametrize("group", ["stem", "stage1", "stage2", "head"])
def test_the_parts_compose_to_the_whole(assembled, pictures, group):
    part = cut(assembled.model, assembled.cuts[group])
    whole = assembled.model(pictures, training=False).numpy()
    parts = part.tail(pack(below(part, pictures)), training=False).numpy()
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_cut_at_the_input_leaves_no_trunk(assembled):
    part = cut(assembled.model, [assembled.model.input])
    assert part.trunk is None
    assert part.tail.input_shape == assembled.model.input_shape


def test_the_cut_at_the_head_is_the_pooled_embedding(assembled, backbone):
    part = cut(assembled.model, assembled.cuts["head"])
    assert part.tail.input_shape == (None, 12 + sum(tensor.shape[-1] for tensor in find_taps(backbone)))


@pytest.mark.parametrize(("group", "norms"), [("stage2", False), ("stage1", False), ("stage2", True)])
def test_training_the_folded_tail_is_training_the_model(backbone, pictures, group, norms):
    """Losses and weights after several steps agree to 1e-5 with the unsplit model on the same images."""
    targets = np.eye(3, dtype=np.float32)[np.arange(10) % 3]
    trained = list(assemble(backbone, head=Head(levels="all"), outputs=3).groups)
    trained = trained[trained.index(group) :]
    losses, weights, start = [], [], None
    for split in (False, True):
        assembled = assemble(keras.models.clone_model(backbone), head=Head(levels="all", dropout=0.0), outputs=3)
        start = start or assembled.model.get_weights()
        assembled.model.set_weights(start)
        set_trainable(assembled.groups, trained, batch_norm=norms)
        part = cut(assembled.model, assembled.cuts[group])
        model = fold(part.tail, live=True) if split else assembled.model
        inputs = pack(below(part, pictures)) if split else pictures
        model.compile(keras.optimizers.SGD(1e-1), keras.losses.CategoricalCrossentropy(from_logits=True))
        history = model.fit(inputs, targets, batch_size=5, epochs=4, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
        weights.append(assembled.model.get_weights())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < losses[0][0]
    for whole, parts in zip(*weights, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_result_does_not_depend_on_its_company(assembled, pictures):
    call = compiled(assembled.model)
    together = forward(call, [pictures], batch_size=4)
    alone = np.concatenate([forward(call, [picture[None]], batch_size=4) for picture in pictures])
    assert np.array_equal(together, alone)


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


def test_the_budget_is_some_of_the_free_memory():
    assert 0 < budget() < 1 << 45
