"""Augmentation and batches: random, the same again for the same seed, each picture with its own target."""

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.augmentation import PRESETS
from kzoo.data.batches import batches, view
from kzoo.data.image import Preprocessor

COUNT = 21
CLASSES = np.arange(COUNT) % 3
PREPROCESSOR = Preprocessor(12, "tf")


def make_pixels(height=16, width=20):
    """Noise (21, H, W, 3); the bright channel is the class."""
    pixels = np.random.default_rng(0).integers(0, 40, (COUNT, height, width, 3))
    pixels[np.arange(COUNT), :, :, CLASSES] += 160
    return pixels.astype(np.uint8)


PIXELS = make_pixels()
TARGETS = np.eye(3, dtype=np.float32)[CLASSES]


@pytest.fixture(scope="module")
def column():
    """Encoded pictures, of sizes that differ."""
    values = [tf.io.encode_png(picture[: 12 + i % 4]).numpy() for i, picture in enumerate(PIXELS)]
    objects = np.empty(COUNT, object)
    objects[:] = values
    return objects


def run(column, augmentation="light", **options):
    options = {"seed": 1, "batch_size": 3, "scaled": False} | options
    made = view(column, TARGETS, preprocessor=PREPROCESSOR, augmentation=augmentation, **options)
    shown, targets = zip(*made.as_numpy_iterator(), strict=True)
    return np.concatenate(shown), np.concatenate(targets)


@pytest.fixture(scope="module")
def views(column):
    """One view of each preset, drawn twice."""
    return {name: (run(column, name), run(column, name)) for name in ("none", *PRESETS)}


EVERY = pytest.mark.parametrize("name", ["none", *PRESETS])


@EVERY
def test_the_same_seed_gives_the_same_pixels(views, name):
    first, again = views[name]
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(first[0], again[0])


@EVERY
def test_every_example_comes_once_in_the_right_range(views, name):
    shown, targets = views[name][0]
    assert (shown.shape, shown.dtype) == ((COUNT, 12, 12, 3), np.float32)
    assert 0 <= shown.min() < shown.max() <= 255
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["none", "light", "medium"])
def test_a_target_stays_with_its_picture(views, name):
    shown, targets = views[name][0]
    assert shown.mean((1, 2)).argmax(axis=1).tolist() == targets.argmax(axis=1).tolist()
    assert np.bincount(targets.argmax(axis=1)).tolist() == [7, 7, 7]


def test_strong_keeps_targets_that_may_not_be_mixed(column):
    _, targets = run(column, "strong", mixable=False)
    assert sorted(map(tuple, targets)) == sorted(map(tuple, TARGETS))


def test_strong_mixes_some_batches(views):
    _, targets = views["strong"][0]
    assert 2 < sum(row.max() < 0.999 for row in targets) < COUNT


@pytest.mark.parametrize("name", ["light", "medium"])
@pytest.mark.parametrize("change", [{"number": 1}, {"seed": 2}], ids=["view", "seed"])
def test_another_view_or_seed_gives_other_pixels(column, views, name, change):
    assert not np.array_equal(run(column, name, **change)[0], views[name][0][0])


def test_none_is_what_batches_gives_in_another_order(column, views):
    shown = np.concatenate(list(batches(column, preprocessor=PREPROCESSOR, batch_size=8).as_numpy_iterator()))
    order = np.random.default_rng((1, 0)).permutation(COUNT)
    assert sorted(order) == list(range(COUNT)) != order.tolist()
    np.testing.assert_array_equal(run(column, "none", scaled=True)[0], shown[order])


def test_views_are_scaled_for_the_backbone(column, views):
    shown, _ = run(column, "light", scaled=True)
    np.testing.assert_allclose(shown, views["light"][0][0] / 127.5 - 1, atol=1e-5)


def test_every_picture_of_a_view_is_changed_in_its_own_way():
    same = np.repeat(PIXELS[:1], COUNT, axis=0)
    assert len({picture.tobytes() for picture in run(same, "light")[0]}) > COUNT // 2


@pytest.mark.parametrize("name", ["light", "medium"])
def test_pixels_and_encoded_pictures_are_augmented_alike(name):
    encoded = np.empty(COUNT, object)
    encoded[:] = [tf.io.encode_png(picture).numpy() for picture in PIXELS]
    np.testing.assert_array_equal(run(encoded, name)[0], run(PIXELS, name)[0])


@pytest.mark.parametrize("seed", [10**6, 2**31 - 1, 20_260_101])
def test_large_seeds_are_seeds(seed):
    assert len(run(PIXELS, "light", seed=seed)[0]) == COUNT


@EVERY
def test_grey_pictures_are_augmented(name):
    made = view(
        PIXELS[..., :1],
        TARGETS,
        preprocessor=Preprocessor(12, channels=1),
        augmentation=name,
        seed=1,
        batch_size=8,
        mixable=False,
    )
    assert [batch.shape for batch, _ in made.as_numpy_iterator()] == [(8, 12, 12, 1), (8, 12, 12, 1), (5, 12, 12, 1)]


def test_batches_keep_the_order_and_scale(column):
    made = list(batches(column, preprocessor=PREPROCESSOR, batch_size=8).as_numpy_iterator())
    assert [len(batch) for batch in made] == [8, 8, 5]
    one = PREPROCESSOR.scale(PREPROCESSOR.fit(PREPROCESSOR.decode(column[20]))[None])[0]
    np.testing.assert_allclose(made[-1][-1], one, atol=1e-5)


def test_paths_and_bytes_in_one_column(column, tmp_path):
    mixed = column.copy()
    for index in range(0, COUNT, 2):
        (tmp_path / f"{index}.png").write_bytes(column[index])
        mixed[index] = str(tmp_path / f"{index}.png")
    pairs = zip(
        *(batches(each, preprocessor=PREPROCESSOR).as_numpy_iterator() for each in (mixed, column)), strict=True
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
