"""Rates by group, and the course of the rate."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from kzoo.specs.phases import OPTIMIZERS, Phase
from kzoo.training.optimizers import build_optimizer, kernels_of, rate_at, rates_of


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
    optimizer.set_groups({v.path: 0.1 for v in net.layers[0].trainable_variables}, decays={})
    steps(optimizer, net)
    extra = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    for rate, layer in ((1e-3, 0), (1e-2, 1)):
        other = model()
        steps(oracle(rate, **extra), other)
        for ours, theirs in zip(net.layers[layer].get_weights(), other.layers[layer].get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_weight_decay_is_scaled_with_the_rate_and_spares_what_is_not_named():
    net = model()
    before = net.get_weights()
    optimizer = build_optimizer("sgd", net.trainable_variables)
    optimizer.learning_rate = 0.1
    kernels = {layer.kernel.path: 0.2 for layer in net.layers}
    optimizer.set_groups({v.path: 0.5 for v in net.layers[0].trainable_variables}, decays=kernels)
    optimizer.apply([np.zeros(v.shape, np.float32) for v in net.trainable_variables], net.trainable_variables)
    factors = [1 - 0.1 * 0.5 * 0.2, 1, 1 - 0.1 * 0.2, 1]
    for old, new, factor in zip(before, net.get_weights(), factors, strict=True):
        np.testing.assert_allclose(new, old * factor, rtol=1e-6)


def numpy_adam(start, gradients, rates, *, betas=(0.9, 0.999), epsilon=1e-7):
    """Adam as its paper's section 2 has it, at a rate for each step, with Keras's place of epsilon."""
    value, first, second = start.astype(np.float64), 0.0, 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        alpha = rate * np.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
        value = value - alpha * first / (np.sqrt(second) + epsilon)
    return value


def train_late(early, late, *, rate):
    """Two variables and their optimizer: the first takes all gradients, the second those after `early` steps."""
    rng = np.random.default_rng(1)
    variables = [keras.Variable(np.zeros(3, np.float32), name=name) for name in ("always", "later")]
    optimizer = build_optimizer("adam", variables)
    optimizer.learning_rate = rate
    gradients = rng.normal(size=(early + late, 3)).astype(np.float32)
    for number, gradient in enumerate(gradients):
        chosen = variables if number >= early else variables[:1]
        optimizer.apply([gradient] * len(chosen), chosen)
    return variables, optimizer, gradients


@pytest.mark.slow
def test_the_first_step_of_what_is_unfrozen_late_is_no_longer_than_the_rate():
    (_, later), _, _ = train_late(1000, 1, rate=1e-2)
    steps = np.abs(later.numpy())
    assert steps.max() <= 1.05e-2
    assert steps.min() >= 0.95e-2


def test_each_variable_takes_the_steps_of_an_adam_of_its_own():
    (always, later), _, gradients = train_late(300, 20, rate=1e-3)
    np.testing.assert_allclose(always.numpy(), numpy_adam(np.zeros(3), gradients, [1e-3] * 320), rtol=2e-4)
    np.testing.assert_allclose(later.numpy(), numpy_adam(np.zeros(3), gradients[300:], [1e-3] * 20), rtol=2e-4)


@pytest.mark.parametrize("name", ["adam", "nadam", "adamax", "adafactor"])
def test_what_is_unfrozen_late_moves_as_with_a_fresh_optimizer_of_keras(name):
    rng = np.random.default_rng(3)
    always, later, alone = (keras.Variable(np.ones((3, 2), np.float32), name=each) for each in ("a", "b", "c"))
    optimizer, oracle = build_optimizer(name, [always, later]), keras.optimizers.get(name)
    optimizer.learning_rate = oracle.learning_rate = 1e-2
    gradients = rng.normal(size=(45, 3, 2)).astype(np.float32)
    for number, gradient in enumerate(gradients):
        optimizer.apply([gradient, gradient][: 1 + (number >= 40)], [always, later][: 1 + (number >= 40)])
    for gradient in gradients[40:]:
        oracle.apply([gradient], [alone])
    np.testing.assert_allclose(later.numpy(), alone.numpy(), rtol=1e-5)
    assert np.abs(later.numpy() - 1).max() > 1e-3


@pytest.mark.parametrize("name", [each for each in OPTIMIZERS if each not in ("adam", "sgd")])
def test_every_name_moves_each_group_at_its_own_rate(name):
    """Two steps of Keras's optimizer of that name, by a layer that has half of the rate."""
    net, other = model(), model()
    optimizer = build_optimizer(name, net.trainable_variables)
    optimizer.learning_rate = 2e-2
    optimizer.set_groups({v.path: 0.5 for v in net.layers[0].trainable_variables}, decays={})
    oracle = keras.optimizers.get(name)
    oracle.learning_rate, oracle.weight_decay = 1e-2, None
    before = net.layers[0].get_weights()
    steps(optimizer, net, count=2)
    steps(oracle, other, count=2)
    for ours, theirs, start in zip(net.layers[0].get_weights(), other.layers[0].get_weights(), before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        assert np.abs(ours - start).max() > 0


def test_a_variable_that_is_frozen_for_a_while_goes_on_where_it_stopped():
    variable, other = (keras.Variable(np.zeros(3, np.float32), name=name) for name in ("on", "off"))
    optimizer = build_optimizer("adam", [variable, other])
    optimizer.learning_rate = 1e-2
    gradients = np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32)
    for number, gradient in enumerate(gradients):
        for _ in range(50 if number == 10 else 0):
            optimizer.apply([np.ones(3, np.float32)], [other])
        optimizer.apply([gradient], [variable])
    np.testing.assert_allclose(variable.numpy(), numpy_adam(np.zeros(3), gradients, [1e-2] * 20), rtol=2e-4)


@pytest.mark.slow
def test_replicas_take_the_steps_that_one_device_takes():
    code = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kzoo.training.optimizers import build_optimizer

def run(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
        optimizer = build_optimizer("adam", net.trainable_variables)
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    for trainable in (False, True):
        net.layers[0].trainable = trainable
        with strategy.scope():
            net.compile(optimizer, "mse", jit_compile=False)
        net.fit(x, x[:, :2], batch_size=8, epochs=3, shuffle=False, verbose=0)
    return net.get_weights(), [float(keras.ops.convert_to_numpy(steps)) for steps in optimizer._steps]

one, steps = run(tf.distribute.OneDeviceStrategy("CPU:0"))
two, both = run(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
assert steps == both == [15, 15, 30, 30], (steps, both)
for ours, theirs in zip(one, two, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", ["adam", "sgd", "nadam", "lion"])
def test_a_reloaded_model_goes_on_as_the_live_one(name, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    low, high = keras.layers.Dense(4, name="low"), keras.layers.Dense(2, name="high")
    net = keras.Model(inputs, high(low(inputs)))
    optimizer = build_optimizer(name, net.trainable_variables)
    optimizer.set_groups({low.kernel.path: 0.1}, decays={high.kernel.path: 0.3})
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.ones((8, 2))
    low.trainable = False
    net.compile(optimizer, "mse")
    net.fit(x, y, epochs=5, verbose=0)
    low.trainable = True
    net.compile(optimizer, "mse")
    net.fit(x, y, epochs=1, verbose=0)
    net.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for each in (net, again):
        each.fit(x, y, epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(net.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_the_rate_falls_with_the_distance_to_the_head_within_a_member():
    names = ("small/stem", "small/stage1", "large/stem", "large/stage1", "large/stage2", "head")
    groups = {name: [keras.layers.Dense(2, name=name.replace("/", "_"))] for name in names}
    for layer, *_ in groups.values():
        layer.build((None, 3))
    found = rates_of(groups, 0.5)
    shares = [found[groups[name][0].kernel.path] for name in names]
    assert shares == [0.25, 0.5, 0.125, 0.25, 0.5, 1.0]


def test_kernels_are_told_by_their_layer():
    inputs = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(5, 4, name="table")(inputs)
    x = keras.layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.SeparableConv1D(3, 2, name="separable")(x)
    x = keras.layers.GRU(2, name="recurrent")(x)
    net = keras.Model(inputs, keras.layers.Dense(2, name="dense")(x))
    ends = ("query", "key", "value", "attention_output")
    assert set(kernels_of({"all": net.layers})) == {
        *(f"attention/{end}/kernel" for end in ends),
        *(f"separable/{part}_kernel" for part in ("depthwise", "pointwise")),
        *(f"recurrent/gru_cell/{part}kernel" for part in ("", "recurrent_")),
        "dense/kernel",
    }


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
