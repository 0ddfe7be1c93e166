"""Members that have no input take no part in a fusion."""

import keras
import numpy as np
import pytest

from kzoo.models.fusion_layers import fuse_parts

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=["gated", "attention"])
def model(request):
    """Three members, of which the first two read one part; (8,) numbers and three marks in."""
    keras.utils.set_random_seed(0)
    features = [keras.Input((size,)) for size in (3, 4, 5)]
    marks = [keras.Input((1,)) for _ in range(2)]
    return keras.Model([*features, *marks], fuse_parts(features, marks, [0, 0, 1], request.param))


def batch(marks, seed=0):
    rng = np.random.default_rng(seed)
    there = np.asarray(marks, np.float32)
    features = [rng.normal(size=(4, size)).astype(np.float32) for size in (3, 4, 5)]
    return [x * there[owner] for x, owner in zip(features, (0, 0, 1), strict=True)], [
        np.full((4, 1), mark, np.float32) for mark in marks
    ]


def weights_of(model, inputs):
    """Of each member in the sum, (B, members)."""
    layer = next(each for each in model.layers if each.name in ("fusion_present_gates", "fusion_shares"))
    return np.asarray(keras.Model(model.input, layer.output)(inputs))


@pytest.mark.parametrize(("marks", "members"), [((1, 1), [0, 1, 2]), ((1, 0), [0, 1]), ((0, 1), [2])])
def test_only_what_is_there_counts(model, marks, members):
    features, own = batch(marks)
    found = weights_of(model, [*features, *own])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found[:, members] > 0).all()
    assert (np.delete(found, members, axis=1) == 0).all()


def test_projections_of_what_is_missing_change_nothing(model):
    features, own = batch((1, 0))
    before = np.asarray(model([*features, *own]))
    layer = model.get_layer("fusion_project2")
    kept = layer.get_weights()
    layer.set_weights([kept[0], kept[1] + 3.0])  # what it gives for zeros
    after = np.asarray(model([*features, *own]))
    layer.set_weights(kept)
    # Its own row is not in the sum, and no other attends to it.
    np.testing.assert_allclose(after, before, atol=1e-5)
