"""Augmentation and batches: random, the same again for the same seed, each image with its own target."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from kzoo.data.image.augment import PRESETS, ImagePreset, augment_views, mix, shrink
from kzoo.data.image.preprocess import ImagePreprocessor, divide
from kzoo.data.image.reader import ImageReader
from kzoo.data.loader import batches
from kzoo.training.feed import Split, read

COUNT = 21
CLASSES = np.arange(COUNT) % 3
PREPROCESSOR = ImagePreprocessor(12, "tf")
DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(COUNT)]


def make_pixels(height=16, width=20):
    """Noise (21, H, W, 3); the bright channel is the class."""
    pixels = np.random.default_rng(0).integers(0, 40, (COUNT, height, width, 3))
    pixels[np.arange(COUNT), :, :, CLASSES] += 160
    return pixels.astype(np.uint8)


PIXELS = make_pixels()
TARGETS = np.eye(3, dtype=np.float32)[CLASSES]


@pytest.fixture(scope="module")
def column():
    """Encoded images, of sizes that differ."""
    values = [tf.io.encode_png(picture[: 12 + i % 4]).numpy() for i, picture in enumerate(PIXELS)]
    objects = np.empty(COUNT, object)
    objects[:] = values
    return objects


def run(column, augmentation="light", *, numbers=(0,), scaling="none", **options):
    """Pixels (N * V, 12, 12, C) and targets of all examples, in batches of 3."""
    options = {"preprocessor": ImagePreprocessor(12, scaling), "digests": DIGESTS, "seed": 1} | options
    pictures = ImageReader(column, **options)
    split = Split(pictures.load, pictures.finish, digests=DIGESTS, targets=TARGETS)
    made = read(split, np.arange(COUNT), augmentation, numbers, batch=3)
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
    assert shown.mean((1, 2)).argmax(axis=1).tolist() == CLASSES.tolist()
    np.testing.assert_array_equal(targets, TARGETS)


def test_strong_keeps_targets_that_may_not_be_mixed(column):
    _, targets = run(column, "strong", mixable=False)
    np.testing.assert_array_equal(targets, TARGETS)


def test_strong_mixes_some_batches(views):
    _, targets = views["strong"][0]
    assert 2 < sum(row.max() < 0.999 for row in targets) < COUNT


def test_only_strong_mixes_and_only_what_is_mixable():
    for mixable in (True, False):
        pictures = ImageReader(PIXELS, preprocessor=PREPROCESSOR, mixable=mixable)
        assert [name for name in ("none", *PRESETS) if pictures.mixes(name)] == ["strong"] * mixable


def test_a_mixed_target_has_the_shares_of_its_picture():
    """Each image is of a channel of its own, so that its mean says how much of which images is in it."""
    targets = np.eye(5, dtype=np.float32)
    pictures = np.broadcast_to(targets[:, None, None], (5, 8, 8, 5))
    kinds = set()
    for seed in range(16):
        shown, wanted = (each.numpy() for each in mix(tf.constant(pictures), targets, share=1.0, seed=[seed, 1]))
        np.testing.assert_allclose(shown.mean(axis=(1, 2)), wanted, atol=1e-5)
        blended = ((shown > 0.01) & (shown < 0.99)).any()
        pasted = (np.ptp(shown, axis=(1, 2)) > 0.99).any()
        kinds.add((bool(blended), bool(pasted)))
    assert {(True, False), (False, True)} <= kinds  # MixUp, and CutMix


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("change", [{"numbers": [1]}, {"seed": 2}], ids=["view", "seed"])
def test_another_view_or_seed_gives_other_pixels(column, views, name, change):
    changed = run(column, name, **change)[0]
    assert all(not np.array_equal(one, other) for one, other in zip(changed, views[name][0][0], strict=True))


def test_the_key_names_all_that_a_version_follows_from():
    def key(name, **options):
        return ImageReader(PIXELS, **({"preprocessor": PREPROCESSOR, "seed": 1} | options)).key(name)

    assert key("none") == key("none", seed=2)
    assert key("light") == key("light")
    others = [key("none"), key("medium"), key("light", seed=2), key("light", preprocessor=ImagePreprocessor(14, "tf"))]
    assert key("light") not in others


def test_what_is_drawn_follows_from_the_content_and_not_from_the_place(views):
    turned = run(PIXELS[::-1], "medium", digests=DIGESTS[::-1])[0]
    np.testing.assert_array_equal(turned[::-1], run(PIXELS, "medium")[0])
    elsewhere = run(PIXELS, "medium", digests=DIGESTS[::-1])[0]
    assert not np.array_equal(elsewhere, run(PIXELS, "medium")[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["light", "medium"])
def test_several_versions_at_once_equal_each_one_alone(column, name):
    together, targets = run(column, name, numbers=[2, 0, 5])
    np.testing.assert_array_equal(targets, np.repeat(TARGETS, 3, axis=0))
    for place, number in enumerate((2, 0, 5)):
        np.testing.assert_array_equal(together[place::3], run(column, name, numbers=[number])[0])


def test_numbers_may_be_a_tensor():
    pictures = ImageReader(PIXELS, preprocessor=PREPROCESSOR, digests=DIGESTS, seed=1)
    load = tf.function(lambda number: pictures.load(3, "medium", tf.reshape(number, (1,))))
    np.testing.assert_allclose(load(tf.constant(4, tf.int64)), pictures.load(3, "medium", [4]), atol=1e-3)


def test_none_is_what_batches_gives(column):
    shown = np.concatenate(list(batches(column, preprocessor=PREPROCESSOR, batch_size=8).as_numpy_iterator()))
    np.testing.assert_array_equal(run(column, "none", scaling="tf")[0], shown)


def test_views_are_scaled_for_the_backbone(column, views):
    shown, _ = run(column, "light", scaling="tf")
    np.testing.assert_allclose(shown, views["light"][0][0] / 127.5 - 1, atol=1e-5)


def test_every_picture_of_a_view_is_changed_in_its_own_way():
    same = np.repeat(PIXELS[:1], COUNT, axis=0)
    assert len({picture.tobytes() for picture in run(same, "light")[0]}) == COUNT


def test_a_crop_of_all_is_the_picture_or_its_mirror_image():
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    seeds = tf.stack([tf.range(24), tf.range(24)], axis=1)
    views = augment_views(
        picture,
        preset=ImagePreset(area=1.0, aspect=1.0),
        preprocessor=PREPROCESSOR,
        seeds=tf.ensure_shape(seeds, (24, 2)),
    ).numpy()
    kept = [np.allclose(view, picture, atol=0.01) for view in views]
    mirrored = [np.allclose(view, picture[:, ::-1], atol=0.01) for view in views]
    assert all(one != other for one, other in zip(kept, mirrored, strict=True))
    assert 4 < sum(mirrored) < 20


def test_a_crop_keeps_its_part_and_its_proportions():
    """On an image whose values are its coordinates, the span of a view is the span of its crop."""
    rows, columns = np.meshgrid(np.arange(36.0), np.arange(48.0), indexing="ij")
    picture = np.stack([rows, columns, 0 * rows], axis=-1)
    seeds = tf.ensure_shape(tf.stack([tf.range(64), tf.range(64)], axis=1), (64, 2))
    views = augment_views(picture, preset=ImagePreset(0.5), preprocessor=ImagePreprocessor(36), seeds=seeds).numpy()
    tall = np.ptp(views[..., 0], axis=(1, 2)) / 35
    wide = np.ptp(views[..., 1], axis=(1, 2)) / 47
    assert tall.max() <= 1.0001
    assert wide.max() <= 1.0001
    assert 0.4 < (tall * wide).min() < 0.65 < 0.85 < (tall * wide).max()
    ratio = (wide * 48) / (tall * 36)
    assert 0.7 < ratio.min() < 0.95 < 1.05 < ratio.max() < 1.45


@pytest.mark.parametrize("factors", [(1, 1), (2, 3), (4, 1), (3, 5)])
def test_divide_takes_the_mean_of_blocks(factors):
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 13, 17, 3)).astype(np.float32)
    rows, columns = 13 // factors[0], 17 // factors[1]
    expected = np.empty((2, rows, columns, 3))
    for row in range(rows):
        for column in range(columns):
            top = (13 - rows * factors[0]) // 2 + row * factors[0]
            left = (17 - columns * factors[1]) // 2 + column * factors[1]
            block = pictures[:, top : top + factors[0], left : left + factors[1]]
            expected[:, row, column] = block.mean(axis=(1, 2))
    np.testing.assert_allclose(divide(tf.constant(pictures), tf.constant(factors)), expected, rtol=1e-5)


@pytest.mark.parametrize(("shape", "factor"), [((20, 20), 1), ((17, 60), 1), ((34, 34), 2), ((60, 51), 3), ((8, 9), 1)])
def test_shrink_divides_to_near_what_is_wanted(shape, factor):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    rows, columns = shape[0] // factor, shape[1] // factor
    whole = picture[: rows * factor, : columns * factor].astype(float)
    expected = whole.reshape(rows, factor, columns, factor, 3).mean(axis=(1, 3))
    found = shrink(tf.constant(picture), 12)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["light", "medium"])
def test_pixels_and_encoded_pictures_are_augmented_alike(name):
    encoded = np.empty(COUNT, object)
    encoded[:] = [tf.io.encode_png(picture).numpy() for picture in PIXELS]
    np.testing.assert_array_equal(run(encoded, name)[0], run(PIXELS, name)[0])


def test_large_seeds_are_seeds():
    found = [run(PIXELS, "light", seed=seed)[0] for seed in (10**6, 2**31 - 1, 20_260_101)]
    assert len({pixels.tobytes() for pixels in found}) == 3


@EVERY
def test_grey_pictures_are_augmented(name):
    shown, _ = run(PIXELS[..., :1], name, preprocessor=ImagePreprocessor(12, channels=1))
    assert shown.shape == (COUNT, 12, 12, 1)
    assert np.ptp(shown) > 10


def test_batches_keep_the_order_and_scale(column):
    made = list(batches(column, preprocessor=PREPROCESSOR, batch_size=8).as_numpy_iterator())
    assert [len(batch) for batch in made] == [8, 8, 5]
    one = PREPROCESSOR.scale(PREPROCESSOR.fit(PREPROCESSOR.decode(column[20]))[None])[0]
    np.testing.assert_allclose(made[-1][-1], one, atol=1e-5)


@pytest.mark.slow
def test_paths_and_bytes_in_one_column(column, tmp_path):
    mixed = column.copy()
    for index in range(0, COUNT, 2):
        (tmp_path / f"{index}.png").write_bytes(column[index])
        mixed[index] = str(tmp_path / f"{index}.png")
    for name in ("none", "light"):
        np.testing.assert_array_equal(run(mixed, name)[0], run(column, name)[0])
