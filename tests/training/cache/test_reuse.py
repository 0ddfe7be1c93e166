"""What is known is not computed again, and never taken for something else."""

import numpy as np
import pytest

import kzoo

TUNE = kzoo.Phase("last:1", epochs=3, batch_size=8, augmentation="strong", views=2)
ONE = kzoo.Phase("last:1", epochs=1, batch_size=8, augmentation="strong", views=1)


def losses(adapted):
    return [epoch["loss"] for epoch in adapted.record.phases[-1].history]


def assert_same(one, other):
    assert losses(one) == losses(other)
    pairs = zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)


def test_another_split_computes_only_what_is_missing(adapt, computed, arrays):
    def split(seed):
        adapted = adapt(data=kzoo.Classification(arrays, seed=seed), schedule="linear_probe", seed=seed)
        return {*adapted.data.train.digests, *adapted.data.validation.digests}

    known = split(0)
    assert set.union(*computed) == known
    computed.clear()
    wanted = split(3)
    assert set.union(*computed) == wanted - known
    assert sum(map(len, computed)) == len(wanted - known) > 0


@pytest.mark.slow
def test_a_flipped_bit_is_computed_again(adapt, computed, cache):
    first = adapt()
    count = len(computed)
    for path in cache.glob("*/*/0.bin"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    again = adapt()
    assert len(computed) == 2 * count
    assert_same(first, again)


@pytest.mark.slow
def test_other_weights_are_not_served_from_the_store(adapt, backbone, computed):
    first = adapt()
    count = len(computed)
    kernel = backbone.layers[2].get_weights()[0]
    kernel[0, 0, 0, 0] += 0.5
    backbone.layers[2].set_weights([kernel])
    other = adapt()
    assert len(computed) == 2 * count
    assert losses(first) != losses(other)


@pytest.mark.slow
def test_mixing_is_held_and_comes_back(adapt, computed, tmp_path, monkeypatch):
    first = adapt(schedule=TUNE)
    count = len(computed)
    assert_same(first, adapt(schedule=TUNE))
    assert len(computed) == count
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "another"))
    assert_same(first, adapt(schedule=TUNE))
    assert len(computed) == 2 * count


@pytest.mark.slow
def test_how_a_view_is_mixed_does_not_follow_from_what_was_known(adapt, tmp_path, monkeypatch):
    both = adapt(schedule=TUNE)
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "another"))
    adapt(schedule=ONE)
    assert_same(both, adapt(schedule=TUNE))
