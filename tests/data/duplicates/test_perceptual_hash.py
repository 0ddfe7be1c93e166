"""Near duplicates among small images, against what was made and against a plain double loop."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift, zoom

from kzoo.data.duplicates import perceptual_hash
from kzoo.data.duplicates.perceptual_hash import (
    aligned_correlation,
    close_pairs,
    hash_images,
    near_pairs,
    one_colour,
)


def scenes(count, seed=0, side=32):
    """Smooth random images, uint8 (count, side, side, 3)."""
    noise = np.random.default_rng(seed).normal(size=(count, side, side, 3))
    smooth = gaussian_filter(noise, (0, side / 16, side / 16, 0))
    return (127 + 50 * smooth / smooth.std(axis=(1, 2), keepdims=True)).clip(0, 255).astype(np.uint8)


def pairs_of(images):
    return [(i, j) for i, j, _ in near_pairs(images)]


@pytest.fixture(scope="module")
def images():
    return scenes(60)


def test_different_images_are_no_pairs(images):
    assert near_pairs(images) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image * 0.8 + 20,
        lambda image: image + np.random.default_rng(1).normal(0, 4, image.shape),
        lambda image: gaussian_filter(image, (0.4, 0.4, 0)),
        lambda image: shift(image, (0.6, 0.6, 0), order=1, mode="nearest"),
        lambda image: zoom(image, (1.04, 1.04, 1), order=1)[:32, :32],
    ],
    ids=["light", "noise", "blur", "moved", "larger"],
)
def test_changed_copies_are_found(images, change):
    copies = np.stack([change(image.astype(np.float64)) for image in images[:20]]).round().clip(0, 255)
    assert pairs_of(np.concatenate([images, copies.astype(np.uint8)])) == [(n, 60 + n) for n in range(20)]


def test_other_versions_are_none(images):
    """What the documentation says is not found."""
    turned = images[:20].transpose(0, 2, 1, 3)
    assert pairs_of(np.concatenate([images, turned, images[:20, ::-1], images[:20, :, ::-1]])) == []


def test_the_light_alone_makes_no_pair(images):
    """Different small things before one background that is brighter on one side."""
    background = np.linspace(100, 160, 32)[None, :, None] * np.ones((32, 32, 3))
    one, other = background.copy(), background.copy()
    one[6:14, 6:14] += 15
    other[18:26, 18:26] -= 15
    pair = np.stack([one, other]).clip(0, 255).astype(np.uint8)
    scores = perceptual_hash.similarity(pair[:1], pair[1:], like=0.94, detailed=0.0)
    assert scores[0] > 0.94
    assert perceptual_hash.similarity(pair[:1], pair[1:], like=0.94, detailed=0.7)[0] == 0


def test_images_of_one_colour_are_no_pairs():
    flat = np.full((5, 32, 32, 3), 200, np.uint8)
    flat[1:, :2, :2] += 1
    assert one_colour(flat).all()
    assert near_pairs(flat) == []
    assert not one_colour(scenes(1)).any()
    striped = np.zeros((1, 32, 32, 3), np.uint8)
    striped[..., 0] = np.where(np.arange(32) % 2, 0, 20)
    assert not one_colour(striped).any()


@pytest.mark.parametrize("block", [1, 50, 1 << 22])
def test_close_pairs_are_those_of_a_double_loop(monkeypatch, block):
    monkeypatch.setattr(perceptual_hash, "_BLOCK", block)
    rng = np.random.default_rng(0)
    hashes = rng.integers(1 << 63, size=40, dtype=np.uint64)
    hashes[20:] = hashes[:20] ^ (np.uint64(1) << rng.integers(63, size=20, dtype=np.uint64)) ^ np.uint64(3)
    bits = [int(each) for each in hashes]
    for radius in (1, 3, 25):
        wanted = [(i, j) for i in range(40) for j in range(i + 1, 40) if (bits[i] ^ bits[j]).bit_count() <= radius]
        found = [tuple(pair) for pairs in close_pairs(hashes, radius=radius) for pair in pairs.tolist()]
        assert sorted(found) == wanted


def test_a_crowd_of_copies_gives_few_pairs(monkeypatch):
    monkeypatch.setattr(perceptual_hash, "MOST", 5)
    found = np.concatenate(list(close_pairs(np.full(100, 7, np.uint64), radius=3)))
    assert len(found) <= 5 * 100
    assert set(found[:, 0]) == set(range(99))


def test_hashes_do_not_depend_on_the_block_or_on_light(images, monkeypatch):
    whole = hash_images(images)
    monkeypatch.setattr(perceptual_hash, "_PAIRS", 7)
    np.testing.assert_array_equal(hash_images(images), whole)
    assert whole.dtype == np.uint64
    np.testing.assert_array_equal(hash_images(images.astype(np.float32) / 2 + 9), whole)
    assert len(set(whole.tolist())) == 60


def test_aligned_correlation_is_that_of_a_regression(images):
    first, second = images[:3].astype(np.float32), images[3:6].astype(np.float32)
    found = aligned_correlation(first, second)
    for a, b, score in zip(first, second, found, strict=True):
        down, along = np.gradient(a, axis=(0, 1))
        y, x = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 32), indexing="ij")
        given = np.stack([np.ones_like(a), a, along, down, x[..., None] * along, y[..., None] * down], -1)
        given, wanted = given.reshape(-1, 6), b.ravel()
        fit = given @ np.linalg.lstsq(given, wanted, rcond=None)[0]
        assert score == pytest.approx(np.corrcoef(fit, wanted)[0, 1], abs=1e-4)
