"""A folded model is the same function, trains as it did, and leaves the model it was made from alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kzoo.core.graph.folding import FoldedBatchNorm, fold

L = keras.layers
RNG = np.random.default_rng(0)


def stir(model):
    """Weights at random, those of BatchNorm too."""
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            width = layer.moving_mean.shape
            layer.moving_mean.assign(RNG.normal(size=width))
            layer.moving_variance.assign(RNG.uniform(0.5, 2, width))
            if layer.scale:
                layer.gamma.assign(RNG.uniform(0.5, 2, width) * RNG.choice([-1, 1], width))
            if layer.center:
                layer.beta.assign(RNG.normal(size=width))
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(RNG.normal(size=layer.bias.shape))
    return model


def build(*layers, shape=(9, 10, 4)):
    """A chain with random weights."""
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return stir(keras.Model(inputs, x))


def count(model):
    return sum(isinstance(layer, FoldedBatchNorm) for layer in model.layers)


def batch(model, size=3):
    return RNG.normal(size=(size, *model.input_shape[1:])).astype(np.float32)


def assert_alike(one, other, *, within=1e-4):
    inputs = batch(one)
    pairs = zip(*(keras.tree.flatten(each(inputs, training=False)) for each in (one, other)), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=within, atol=within * np.abs(wanted).max())


CHAINS = {
    "conv": lambda: [L.Conv2D(5, 3, use_bias=False), L.BatchNormalization()],
    "bias": lambda: [L.Conv2D(5, 3), L.BatchNormalization()],
    "strided": lambda: [L.Conv2D(5, 3, strides=2, padding="same"), L.BatchNormalization()],
    "dilated": lambda: [L.Conv2D(5, 3, dilation_rate=2, padding="same"), L.BatchNormalization()],
    "groups": lambda: [L.Conv2D(6, 3, groups=2), L.BatchNormalization()],
    "epsilon": lambda: [L.Conv2D(5, (1, 3)), L.BatchNormalization(axis=3, epsilon=0.3)],
    "depthwise": lambda: [L.DepthwiseConv2D(3, strides=2, padding="same"), L.BatchNormalization()],
    "multiplier": lambda: [L.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), L.BatchNormalization()],
    "no scale": lambda: [L.Conv2D(5, 3), L.BatchNormalization(scale=False)],
    "no center": lambda: [L.Conv2D(5, 3), L.BatchNormalization(center=False)],
    "neither": lambda: [L.Conv2D(5, 3), L.BatchNormalization(scale=False, center=False)],
    "dense": lambda: [L.Dense(5), L.BatchNormalization(), L.ReLU()],
    "linear": lambda: [L.Conv2D(5, 3, activation="linear"), L.BatchNormalization(), L.Activation("gelu")],
}
LIVE = pytest.mark.parametrize("live", [False, True], ids=["static", "live"])


@LIVE
@pytest.mark.parametrize("name", CHAINS)
def test_a_folded_model_gives_the_same(name, live):
    model = build(*CHAINS[name]())
    model.trainable = False
    folded = fold(model, live=live)
    assert count(folded) == 1
    assert_alike(folded, model)


def shared(*, convolution, norm):
    """A convolution, or a norm, that is used in two places."""
    inputs = keras.Input((9, 9, 4))
    convolutions = [L.Conv2D(4, 3, padding="same") for _ in range(2)]
    norms = [L.BatchNormalization() for _ in range(2)]
    x = norms[0](convolutions[0](inputs))
    x = L.ReLU()(x)
    x = norms[0 if norm else 1](convolutions[0 if convolution else 1](x))
    return stir(keras.Model(inputs, x))


@LIVE
def test_a_convolution_that_is_used_twice_gives_the_same(live):
    model = shared(convolution=True, norm=False)
    model.trainable = False
    assert_alike(fold(model, live=live), model)


@LIVE
def test_a_norm_that_is_used_twice_gives_the_same(live):
    inputs = keras.Input((9, 9, 4))
    norm = L.BatchNormalization()
    model = stir(keras.Model(inputs, norm(L.ReLU()(norm(L.Conv2D(4, 3)(inputs))))))
    model.trainable = False
    assert_alike(fold(model, live=live), model)


def two_users():
    inputs = keras.Input((9, 9, 4))
    x = L.Conv2D(4, 3)(inputs)
    return keras.Model(inputs, L.Add()([x, L.BatchNormalization()(x)]))


def its_own_output():
    inputs = keras.Input((9, 9, 4))
    x = L.Conv2D(4, 3)(inputs)
    return keras.Model(inputs, [x, L.BatchNormalization()(x)])


def half():
    policy = keras.DTypePolicy("mixed_float16")
    return build(L.Conv2D(5, 3, dtype=policy), L.BatchNormalization(dtype=policy))


UNTOUCHED = {
    "activation": lambda: build(L.Conv2D(5, 3, activation="relu"), L.BatchNormalization()),
    "two users": lambda: stir(two_users()),
    "output": lambda: stir(its_own_output()),
    "axis": lambda: build(L.Conv2D(5, 3), L.BatchNormalization(axis=1)),
    "between": lambda: build(L.Conv2D(5, 3), L.ReLU(), L.BatchNormalization()),
    "transposed": lambda: build(L.Conv2DTranspose(5, 3), L.BatchNormalization()),
    "separable": lambda: build(L.SeparableConv2D(5, 3), L.BatchNormalization()),
    "norm first": lambda: build(L.BatchNormalization(), L.Conv2D(5, 3)),
    "float16": half,
}


@LIVE
@pytest.mark.parametrize("name", UNTOUCHED)
def test_nothing_is_folded_where_it_would_be_another_function(name, live):
    model = UNTOUCHED[name]()
    model.trainable = False
    assert fold(model, live=live) is model


def test_an_output_in_a_model_from_the_middle_of_another_is_not_folded():
    inputs = keras.Input((9, 9, 4))
    middle = L.ReLU()(inputs)
    x = L.Conv2D(4, 3)(middle)
    whole = stir(keras.Model(inputs, [x, L.BatchNormalization()(x)]))
    part = keras.Model(middle, whole.outputs)
    assert_alike(fold(part), part)


def test_a_norm_that_trains_is_not_folded_live():
    model = build(*CHAINS["conv"](), L.ReLU(), *CHAINS["bias"]())
    assert fold(model, live=True) is model
    model.layers[2].trainable = False
    folded = fold(model, live=True)
    assert count(folded) == 1
    np.testing.assert_allclose(folded(x := batch(model), training=True), model(x, training=True), rtol=1e-3, atol=1e-4)
    assert count(fold(model)) == 2


def chain():
    """Two pairs; the norms are frozen."""
    model = build(*CHAINS["bias"](), L.ReLU(), *CHAINS["depthwise"](), L.GlobalAveragePooling2D(), L.Dense(3))
    for layer in model.layers:
        layer.trainable = not isinstance(layer, L.BatchNormalization)
    return model


def test_the_live_fold_trains_the_models_own_variables():
    model = chain()
    folded = fold(model, live=True)
    assert count(folded) == 2
    assert {id(each) for each in folded.trainable_variables} == {id(each) for each in model.trainable_variables}
    assert len(folded.trainable_variables) == len(model.trainable_variables) == 6


def test_the_live_fold_follows_the_weights_and_the_static_one_does_not():
    model = chain()
    live, static = fold(model, live=True), fold(model)
    inputs = batch(model)
    before, head = model(inputs, training=False).numpy(), model.layers[-1].get_weights()
    stir(model)
    model.layers[-1].set_weights(head)
    assert_alike(live, model)
    assert np.abs(model(inputs, training=False).numpy() - before).max() > 0.01
    np.testing.assert_allclose(static(inputs, training=False), before, rtol=1e-4, atol=1e-4)


@LIVE
def test_the_graph_of_the_model_is_left_alone(live):
    model = chain()
    outputs = [id(layer.output) for layer in model.layers]
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    weights = [id(weight) for weight in model.weights]
    config = model.get_config()
    fold(model, live=live)
    assert [id(layer.output) for layer in model.layers] == outputs
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert [id(weight) for weight in model.weights] == weights
    assert model.get_config() == config
    assert_alike(keras.Model(model.input, model.layers[3].output), keras.Model(model.input, model.layers[3].output))


def test_a_step_through_the_live_fold_is_a_step_through_the_model():
    model = chain()
    start, (inputs, targets) = model.get_weights(), (batch(model, 8), RNG.normal(size=(8, 3)).astype(np.float32))
    after = []
    for trained in (model, fold(model, live=True)):
        model.set_weights(start)
        trained.compile(keras.optimizers.SGD(0.1), "mse")
        loss = trained.train_on_batch(inputs, targets)
        after.append((float(loss), model.get_weights()))
    assert after[0][0] == pytest.approx(after[1][0], rel=1e-5)
    for one, other, first in zip(after[0][1], after[1][1], start, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(one - first).max() + 1e-7)


def test_kernels_too_large_for_a_graph_are_folded_in_each_call(monkeypatch):
    monkeypatch.setattr("kzoo.core.graph.folding.INLINE_BYTES", 100)
    model = chain()
    folded = fold(model)
    stir(model)
    assert count(folded) == 2
    assert_alike(folded, model)


def test_a_static_fold_has_no_norm_left_in_its_graph():
    model = chain()
    graph = tf.function(lambda x: fold_of(x, training=False))
    fold_of = fold(model)
    names = {operation.type for operation in graph.get_concrete_function(batch(model)).graph.get_operations()}
    assert not names & {"FusedBatchNormV3", "Rsqrt"}


REAL = {
    "MobileNetV2": {"input_shape": (96, 96, 3), "alpha": 0.35},
    "ResNet50": {"input_shape": (64, 64, 3)},
    "EfficientNetV2B0": {"input_shape": (64, 64, 3)},
    "DenseNet121": {"input_shape": (64, 64, 3)},
    "MobileNetV3Small": {"input_shape": (64, 64, 3)},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pairs"),
    [("MobileNetV2", 52), ("ResNet50", 53), ("EfficientNetV2B0", 1), ("DenseNet121", 1), ("MobileNetV3Small", 30)],
)
def test_real_architectures_give_the_same(name, pairs):
    model = getattr(keras.applications, name)(weights=None, include_top=False, **REAL[name])
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.moving_mean.assign(RNG.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(RNG.uniform(0.5, 2, layer.moving_variance.shape))
    model.trainable = False
    for live in (False, True):
        folded = fold(model, live=live)
        assert count(folded) >= pairs
        assert_alike(folded, model, within=1e-3)
