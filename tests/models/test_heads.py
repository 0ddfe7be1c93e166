"""Heads: from a backbone's output to logits."""

import keras
import numpy as np
import pytest

from kzoo.models import heads
from kzoo.models.heads import build_head, pool, register_head
from kzoo.specs.head import Head


@pytest.fixture(autouse=True)
def own_heads(monkeypatch):
    monkeypatch.setattr(heads, "HEADS", {})


def features(*shape):
    return np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)


def pooled(x, pooling):
    axes = tuple(range(1, x.ndim - 1))
    parts = {"avg": [x.mean(axes)], "max": [x.max(axes)], "concat": [x.mean(axes), x.max(axes)]}
    return np.concatenate(parts[pooling], axis=-1) if axes else x


@pytest.mark.parametrize("shape", [(4, 5, 6), (7, 6), (6,)])
@pytest.mark.parametrize("pooling", ["avg", "max", "concat"])
def test_pooling(pooling, shape):
    inputs = keras.Input(shape)
    x = features(*shape)
    model = keras.Model(inputs, keras.layers.Identity()(pool(inputs, pooling)))
    np.testing.assert_allclose(model(x), pooled(x, pooling), rtol=1e-5, atol=1e-6)


def test_a_rank_that_no_backbone_has_is_refused():
    with pytest.raises(ValueError, match=r"must return \(B, h, w, C\).* Got shape \(None, 2, 2, 2, 3\)"):
        pool(keras.Input((2, 2, 2, 3)), "avg")


@pytest.mark.parametrize("head", [Head(), Head(hidden=5), Head("concat", hidden=5, dropout=0.0), Head("max")])
def test_logits_are_those_of_numpy(head):
    inputs = keras.Input((4, 5, 6))
    model = keras.Model(inputs, build_head(head, inputs, outputs=3))
    x = features(4, 5, 6)
    expected = pooled(x, head.pooling)
    *hidden, logits = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in hidden] == ([head.hidden] if head.hidden else [])
    for layer in hidden:
        expected = np.maximum(expected @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    expected = expected @ logits.kernel.numpy() + logits.bias.numpy()
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dropout", "changes"), [(0.5, True), (0.0, False)])
def test_dropout_is_for_training(dropout, changes):
    inputs = keras.Input((40,))
    model = keras.Model(inputs, build_head(Head(dropout=dropout), inputs, outputs=3))
    x = features(40)
    assert np.array_equal(model(x), model(x))
    assert np.array_equal(model(x, training=True), model(x)) is not changes


def test_logits_are_float32_under_a_mixed_policy():
    inputs = keras.Input((6,), dtype="float16")
    assert build_head(Head(), inputs, outputs=3).dtype == "float32"


def own(features, outputs):
    return keras.layers.Dense(outputs, use_bias=False)(keras.layers.Flatten()(features))


def test_a_registered_head_is_built():
    register_head("own", own)
    logits = build_head(Head(kind="own"), keras.Input((4, 4, 2)), outputs=7)
    assert logits.shape == (None, 7)


@pytest.mark.parametrize("name", ["mlp", "own"])
def test_a_name_is_taken_once(name):
    register_head("own", own)
    with pytest.raises(ValueError, match=f"A head named '{name}' is registered already"):
        register_head(name, own)


def test_a_head_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="A head must be a function of features and the number of outputs"):
        register_head("own", keras.Input((4,)))


def test_an_unknown_head_names_the_known():
    register_head("own", own)
    with pytest.raises(
        ValueError, match=r"Unknown head 'onw'\. The heads are: mlp, svm, .*, best, own\. kzoo\.register_head"
    ):
        build_head(Head(kind="onw"), keras.Input((4,)), outputs=2)
