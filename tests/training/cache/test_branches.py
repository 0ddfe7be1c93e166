"""Each member of a fusion is a trunk of its own, held and known by itself."""

import dataclasses

import keras
import numpy as np
import pytest

import kzoo
from kzoo.training.cache.branches import find_strands
from kzoo.training.cache.budget import CacheLimits

HEAD = kzoo.LinearProbe()
TUNE = kzoo.Phase("last:1", epochs=3, batch_size=8, augmentation="light", views=2)


def member(name, seed, width):
    keras.utils.set_random_seed(seed)
    inputs = x = keras.Input((16, 16, 3))
    for _ in range(2):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name=name)


@pytest.fixture(scope="module")
def members():
    return [member("one", 1, 4), member("two", 2, 6), member("three", 3, 5)]


@pytest.fixture
def trunks(monkeypatch):
    """The names of the layers of each runtime, in the order in which they are made."""
    from kzoo.training.cache import compute

    found, plain = [], compute.fastest

    def seen(model, **options):
        found.append({layer.name.split(".")[0] for layer in model.layers if "." in layer.name})
        return plain(model, **options)

    monkeypatch.setattr(compute, "fastest", seen)
    return found


def test_what_a_concatenation_joins_is_taken_apart_unless_it_has_a_layer_in_common():
    x = keras.Input((4,))
    one, two = keras.layers.Dense(3)(x), keras.layers.Dense(2)(x)
    higher = keras.layers.Dense(3)(one)
    join = keras.layers.Concatenate()
    both = join([one, two])
    assert find_strands([both]) == [(one,), (two,)]
    assert find_strands([keras.layers.Concatenate()([one, higher])])[0][0].shape == (None, 6)
    nested = keras.layers.Concatenate()([both, higher])
    assert [{id(each) for each in strand} for strand in find_strands([nested])] == [{id(one), id(higher)}, {id(two)}]
    added = keras.layers.Add()([one, higher])
    assert find_strands([added]) == [(added,)]


@pytest.mark.slow
def test_only_the_member_that_is_new_is_computed(members, arrays, cache, read, trunks):
    task = kzoo.Classification(arrays)
    kzoo.adapt(kzoo.Fusion(members[:2]), task, schedule=HEAD)
    count = len(read)
    assert {"one", "two"} in trunks
    trunks.clear()
    found = kzoo.adapt(kzoo.Fusion([members[0], members[2]]), task, schedule=HEAD)
    assert len(read) == 2 * count
    assert trunks
    assert all(each == {"three"} for each in trunks)
    trunks.clear()
    again = kzoo.adapt(kzoo.Fusion([members[0], members[2]]), task, schedule=HEAD)
    assert not trunks
    assert len(read) == 2 * count
    for ours, theirs in zip(found.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "augmentation"),
    [
        ("concat", "light"),
        ("concat", "strong"),
        ("gated", "light"),
    ],
)
def test_held_by_themselves_they_are_what_they_are_together(adapt, members, how, augmentation, monkeypatch):
    """Also where some are mixed, or computed from lower ones that are held still."""
    tune = dataclasses.replace(TUNE, augmentation=augmentation)
    top = kzoo.Phase("head", epochs=2, batch_size=8, augmentation=augmentation, views=2)
    schedule, fusion = kzoo.Schedule((tune, top)), kzoo.Fusion(members[:2], how=how)
    apart = adapt(CacheLimits(1 << 30, 0), model=fusion, schedule=schedule)
    monkeypatch.setattr("kzoo.training.cache.activations.find_strands", lambda tensors: [tuple(tensors)])
    together = adapt(CacheLimits(1 << 30, 0), model=fusion, schedule=schedule)
    assert [each.activations for each in apart.record.phases] == ["memory"] * 2
    for one, other in zip(apart.record.phases, together.record.phases, strict=True):
        assert one.scores["val_loss"] == pytest.approx(other.scores["val_loss"], rel=1e-4)


def test_two_of_one_backbone_are_computed_once(members, arrays, cache, trunks):
    adapted = kzoo.adapt(kzoo.Fusion([members[0], members[0]]), kzoo.Classification(arrays), schedule=HEAD)
    assert trunks == [{"one"}]
    embedded = adapted.embed(arrays[0][:2])
    np.testing.assert_allclose(embedded[:, :4], embedded[:, 4:], rtol=1e-5)
