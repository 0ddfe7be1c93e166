"""Rates by group, and the course of the rate."""

import keras
import numpy as np
import pytest

from kzoo.specs.schedule import Phase
from kzoo.training.optimizers import build_optimizer, rate_at


def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="low"), keras.layers.Dense(2, name="high")])


def steps(optimizer, net, *, count=3):
    rng = np.random.default_rng(0)
    gradients = [[rng.normal(size=v.shape).astype(np.float32) for v in net.trainable_variables] for _ in range(count)]
    for each in gradients:
        optimizer.apply(each, net.trainable_variables)


@pytest.mark.parametrize(("name", "oracle"), [("adam", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD)])
def test_each_group_moves_as_with_an_optimizer_of_its_own_rate(name, oracle):
    net = model()
    optimizer = build_optimizer(name, net.trainable_variables)
    optimizer.learning_rate = 1e-2
    optimizer.set_groups({v.path: 0.1 for v in net.layers[0].trainable_variables}, weight_decay=0.0)
    steps(optimizer, net)
    extra = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    for rate, layer in ((1e-3, 0), (1e-2, 1)):
        other = model()
        steps(oracle(rate, **extra), other)
        for ours, theirs in zip(net.layers[layer].get_weights(), other.layers[layer].get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_weight_decay_is_scaled_with_the_rate_and_spares_biases():
    net = model()
    before = net.get_weights()
    optimizer = build_optimizer("sgd", net.trainable_variables)
    optimizer.learning_rate = 0.1
    optimizer.set_groups({v.path: 0.5 for v in net.layers[0].trainable_variables}, weight_decay=0.2)
    optimizer.apply([np.zeros(v.shape, np.float32) for v in net.trainable_variables], net.trainable_variables)
    factors = [1 - 0.1 * 0.5 * 0.2, 1, 1 - 0.1 * 0.2, 1]
    for old, new, factor in zip(before, net.get_weights(), factors, strict=True):
        np.testing.assert_allclose(new, old * factor, rtol=1e-6)


def test_state_survives_freezing_and_unfreezing():
    net = model()
    optimizer = build_optimizer("adam", net.trainable_variables)
    net.layers[0].trainable = False
    net.compile(optimizer, "mse")
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    net.fit(x, y, epochs=2, verbose=0)
    net.layers[0].trainable = True
    net.compile(optimizer, "mse")
    net.fit(x, y, epochs=1, verbose=0)
    assert int(optimizer.iterations) == 3


def test_rate_rises_and_falls():
    phase = Phase("head", learning_rate=1.0, warmup=0.2)
    rates = [rate_at(step, phase=phase, steps=100) for step in range(100)]
    assert np.argmax(rates) == 20
    assert rates[20] == 1.0
    assert np.all(np.diff(rates[:20]) > 0)
    assert np.all(np.diff(rates[20:]) < 0)
    assert rates[-1] < 1e-3


def test_a_constant_rate_is_constant():
    phase = Phase("head", learning_rate=0.5, warmup=0.0, decay="constant")
    assert {rate_at(step, phase=phase, steps=10) for step in range(10)} == {0.5}
