"""Grad-CAM against its formula in NumPy."""

import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.results.explanation.grad_cam import GRAD_CAM, GRADIENT_TIMES_INPUT, make_locator, mean_grid, normalize
from kzoo.results.explanation.subject import Subject

L = keras.layers
X = np.random.default_rng(0).normal(size=(4, 12, 12, 3)).astype(np.float32)


def subject(inputs, features, logits, target=None):
    count = logits.shape[-1]
    return Subject(
        *(inputs, features, logits, ImagePreprocessor(12), [str(n) for n in range(count)]),
        *(keras.activations.softmax, target),
    )


@pytest.fixture(scope="module")
def network():
    """A convolution, a hidden layer on the mean of its map, and logits."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 12, 3))
    features = L.Conv2D(5, 3, strides=2, activation="relu", trainable=False)(inputs)
    hidden = L.Dense(7, activation="relu")(L.GlobalAveragePooling2D()(features))
    return inputs, features, L.Dense(3)(hidden)


def by_hand(network, target):
    """Maps of the formula: the gradient of each logit with respect to each channel's mean, written out."""
    inputs, features, logits = network
    values = keras.Model(inputs, features)(X).numpy()
    first, second = [layer for layer in keras.Model(inputs, logits).layers if isinstance(layer, L.Dense)]
    kernel, bias = (weight.numpy() for weight in first.weights)
    on = values.mean(axis=(1, 2)) @ kernel + bias > 0
    slopes = (on * second.kernel.numpy()[:, target].T) @ kernel.T / (values.shape[1] * values.shape[2])
    maps = np.maximum((values * slopes[:, None, None]).sum(axis=-1), 0)
    return maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-30)


@pytest.mark.parametrize("target", [0, 2])
def test_it_is_the_formula(network, target):
    located = make_locator(subject(*network, target=target))(X)
    (grid,) = located.grids.values()
    assert located.method == GRAD_CAM
    assert grid.any()
    np.testing.assert_allclose(grid, by_hand(network, np.full(4, target)), atol=1e-5)


def test_without_a_label_it_is_that_of_the_largest_logit(network):
    logits = keras.Model(network[0], network[2])(X).numpy()
    located = make_locator(subject(*network))(X)
    np.testing.assert_allclose(next(iter(located.grids.values())), by_hand(network, logits.argmax(axis=1)), atol=1e-5)
    assert [label for label, _ in located.answers] == [str(n) for n in logits.argmax(axis=1)]
    powers = np.exp(logits)
    shares = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose([share for _, share in located.answers], shares, rtol=1e-5)


def test_other_weights_give_other_maps(network):
    """The sanity check of arXiv:1810.03292: an explanation that ignores the weights explains nothing."""
    inputs, _features, logits = network
    model = keras.Model(inputs, logits)
    before = make_locator(subject(*network, target=1))(X).grids
    kept = model.get_weights()
    rng = np.random.default_rng(3)
    model.set_weights([rng.permutation(weight.ravel()).reshape(weight.shape) for weight in kept])
    after = make_locator(subject(*network, target=1))(X).grids
    model.set_weights(kept)
    one, other = (next(iter(grids.values())).ravel() for grids in (before, after))
    assert abs(spearmanr(one, other).statistic) < 0.4


def test_without_a_feature_map_it_is_gradient_times_input():
    inputs = keras.Input((12, 12, 3))
    flat = L.Flatten()(inputs)
    logits = L.Dense(2)(flat)
    kernel = keras.Model(inputs, logits).layers[-1].kernel.numpy()[:, 1].reshape(12, 12, 3)
    located = make_locator(subject(inputs, flat, logits, target=1))(X)
    assert located.method == GRADIENT_TIMES_INPUT
    np.testing.assert_allclose(located.grids["input"], normalize(np.abs(X * kernel).sum(axis=-1)), atol=1e-5)


def test_a_head_on_the_class_token_is_explained_by_an_earlier_block():
    """No other token of the last block reaches the logits: its map would be empty."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((12, 12, 3))
    patches = L.Reshape((16, 6))(L.Conv2D(6, 3, strides=3, name="patches")(inputs))
    first = L.Dense(6, name="block1")(L.ZeroPadding1D((1, 0))(patches))
    mixed = L.Add()([first, L.MultiHeadAttention(2, 3)(first, first)])
    last = L.LayerNormalization(name="last")(mixed)
    token = last[:, 0]
    located = make_locator(subject(inputs, token, L.Dense(2)(token), target=0))(X)
    (grid,) = located.grids.values()
    assert grid.shape == (4, 4, 4)
    assert (grid.max(axis=(1, 2)) > 0).any()


def test_maps_of_several_sizes_have_a_mean():
    found = mean_grid([np.ones((2, 2), np.float32), np.zeros((3, 4), np.float32)], 6, 8)
    np.testing.assert_allclose(found, np.full((6, 8), 0.5))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(normalize(np.zeros((1, 2, 2), np.float32)), np.zeros((1, 2, 2)))


def test_it_agrees_with_tf_keras_vis(network):
    """Another implementation, where a developer has it: pip install --no-deps tf-keras-vis deprecated imageio."""
    gradcam = pytest.importorskip("tf_keras_vis.gradcam")
    scores = pytest.importorskip("tf_keras_vis.utils.scores")
    inputs, _features, logits = network
    model = keras.Model(inputs, logits)
    layer = next(each for each in model.layers if isinstance(each, L.Conv2D))
    theirs = gradcam.Gradcam(model, clone=False)(
        scores.CategoricalScore([2] * 4), X, penultimate_layer=layer.name, expand_cam=False
    )
    (ours,) = make_locator(subject(*network, target=2))(X).grids.values()
    np.testing.assert_allclose(ours, normalize(np.stack(theirs)), atol=1e-5)
