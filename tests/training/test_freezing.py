"""What is frozen stays bit for bit; what trains, moves."""

import keras
import numpy as np
import pytest

from kzoo.models.assembly import assemble
from kzoo.specs.head import Head
from kzoo.training.freezing import batch_norms, set_trainable


@pytest.fixture
def assembled(backbone):
    return assemble(backbone, head=Head(), outputs=3)


def fit(model):
    rng = np.random.default_rng(0)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(rng.normal(size=(8, 16, 16, 3)), np.eye(3)[np.arange(8) % 3], batch_size=4, verbose=0)


def state(operations):
    """All weights of layers, moving statistics included."""
    return [weight.numpy().copy() for layer in operations for weight in getattr(layer, "weights", ())]


def changed(before, after):
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize("trained", [("head",), ("stage2", "head"), ("stage1",)])
def test_frozen_groups_keep_weights_and_moving_statistics(assembled, trained):
    before = {name: state(layers) for name, layers in assembled.groups.items()}
    set_trainable(assembled.groups, trained, batch_norm=True)
    fit(assembled.model)
    for name, layers in assembled.groups.items():
        assert any(changed(before[name], state(layers))) == (name in trained), name


def test_batch_norm_stays_frozen_in_a_group_that_trains(assembled):
    norms = batch_norms(assembled.groups["stage2"])
    before = state(norms)
    set_trainable(assembled.groups, ("stage2", "head"), batch_norm=False)
    fit(assembled.model)
    assert norms
    assert not any(changed(before, state(norms)))


def test_children_frozen_one_by_one_train_again():
    inner = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()])
    inner.build((None, 2))
    for layer in inner.layers:
        layer.trainable = False
    set_trainable({"a": [inner]}, ("a",), batch_norm=True)
    assert len(inner.trainable_variables) == 4


def test_batch_norm_inside_composite_layers_is_found():
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.BatchNormalization()]
            self.named = {"norm": keras.layers.BatchNormalization()}

    assert len(batch_norms([Block()])) == 2
