"""Trunk and tail together are the model; training the tail is training the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.core.graph.calling import compiled, pack
from kzoo.core.graph.cutting import cut, numbers_at
from kzoo.core.graph.folding import fold
from kzoo.models.assembly import assemble
from kzoo.models.taps import find_taps
from kzoo.specs.head import Head
from kzoo.training.freezing import set_trainable


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


def test_numbers_at_a_cut_are_those_of_one_example(assembled):
    cuts = assembled.cuts
    assert numbers_at([assembled.model.input], assembled.model) == 0
    assert numbers_at(cuts["head"], assembled.model) == cuts["head"][0].shape[-1]
    assert numbers_at([*cuts["head"], *cuts["head"]], assembled.model) == 2 * cuts["head"][0].shape[-1]
