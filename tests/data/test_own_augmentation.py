"""Augmentations of the user's: tried first, applied to each version, and never mixed up in the cache."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.image.reader import ImageReader
from kzoo.data.modalities import MODALITIES
from kzoo.data.own_augmentation import check_own, own_augmentation
from kzoo.specs.phases import OWN

PIXELS = np.random.default_rng(0).integers(0, 200, (4, 8, 8, 3)).astype(np.uint8)


def reader(function):
    return ImageReader(PIXELS, ImagePreprocessor(8), own=own_augmentation(function))


def brighter(image):
    assert isinstance(image, np.ndarray)
    return image + 50


def test_a_callable_changes_each_version_of_an_image():
    changed = reader(brighter).load(tf.constant(1, tf.int64), OWN, [0, 1])
    np.testing.assert_allclose(changed, np.stack([PIXELS[1] + 50.0] * 2))
    np.testing.assert_allclose(reader(brighter).load(tf.constant(1, tf.int64), "none", [0])[0], PIXELS[1])


def test_a_keras_layer_changes_images_inside_of_a_pipeline():
    layer = keras.layers.RandomFlip("horizontal", seed=3)
    one = reader(layer)
    one.load(tf.constant(0, tf.int64), OWN, [0])
    found = list(tf.data.Dataset.range(4).repeat(8).map(lambda index: one.load(index, OWN, [0])[0]).as_numpy_iterator())
    flipped = 0
    for number, image in enumerate(found):
        plain = PIXELS[number % 4].astype(np.float32)
        assert np.array_equal(image, plain) or np.array_equal(image, plain[:, ::-1])
        flipped += not np.array_equal(image, plain)
    assert 4 < flipped < 28


def test_a_callable_changes_texts():
    one = MODALITIES["text"].reader(
        np.array(["a b", "c d"], object), Words(), own=own_augmentation(lambda text: text.replace("a", "z"))
    )
    assert one.versions(tf.constant(0, tf.int64), OWN, [0, 1]).numpy().tolist() == [b"z b"] * 2


class Words:
    """A preprocessor of which nothing is asked."""


def test_the_key_is_that_of_the_config_of_a_layer_of_keras():
    flips = [keras.layers.RandomFlip(mode) for mode in ("horizontal", "vertical", "horizontal")]
    keys = [own_augmentation(layer).key for layer in flips]
    assert keys[0] == keys[2] != keys[1]
    assert own_augmentation(keras.layers.RandomRotation(0.1)).key not in keys


def test_a_callable_has_another_key_each_time():
    assert own_augmentation(brighter).key != own_augmentation(brighter).key


def test_the_key_of_the_data_tells_augmentations_apart():
    flips = [reader(keras.layers.RandomFlip(mode)) for mode in ("horizontal", "vertical")]
    keys = [one.key(OWN) for one in flips]
    assert keys[0] != keys[1] != flips[0].key("none")
    assert flips[0].key("none") == flips[1].key("none") == ImageReader(PIXELS, ImagePreprocessor(8)).key("none")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda image: image[:4], r"must return finite numbers of shape \(8, 8, 3\)\. Got shape \(4, 8, 3\)"),
        (lambda image: image * np.nan, r"must return finite numbers"),
        (lambda image: image["x"], r"failed on one image"),
        (keras.layers.CenterCrop(4, 4), r"center_crop.* failed on one image"),
    ],
)
def test_what_gives_no_image_is_refused_before_training(function, message):
    with pytest.raises(ValueError, match=message):
        check_own(own_augmentation(function), MODALITIES["image"], PIXELS, ImagePreprocessor(8))


@pytest.mark.parametrize("function", [3, keras.layers.RandomFlip, ["light"]])
def test_what_cannot_be_called_is_refused(function):
    with pytest.raises(TypeError, match=r"augmentation must be 'none', .*, a Keras layer, or a callable"):
        own_augmentation(function)


def test_a_run_is_trained_on_what_the_callable_makes(backbone, arrays):
    seen = []

    def noted(image):
        seen.append(image.shape)
        return image

    phase = kzoo.Phase("last:1", epochs=2, batch_size=16, views=1)
    found = kzoo.adapt(backbone, kzoo.Classification(arrays), schedule=phase, augmentation=noted)
    assert set(seen) == {(16, 16, 3)}
    assert len(seen) == 1 + 48
    assert found.record.phases[0].phase.augmentation == OWN
    assert found.record.options.augmentation == "noted"


def test_a_phase_that_asks_for_an_augmentation_that_is_not_given_is_refused(backbone, arrays):
    phase = kzoo.Phase("last:1", epochs=1, augmentation=OWN)
    with pytest.raises(ValueError, match=r"Phase\(augmentation='own'\) needs kzoo.adapt\(augmentation=\)"):
        kzoo.plan(backbone, kzoo.Classification(arrays), schedule=phase)


@pytest.mark.parametrize("model", ["ngrams", "keyword_cnn"])
def test_texts_come_as_strings_and_recordings_as_waves(model, text_task):
    seen = []

    def noted(example):
        seen.append(example)
        return example

    task = text_task
    if model == "keyword_cnn":
        rng = np.random.default_rng(0)
        sounds = [(16_000, rng.normal(0, 0.1, 8_000)) for _ in range(40)]
        task = kzoo.Classification((sounds, np.arange(40) % 2), audio="audio")
    kzoo.plan(model, task, weights=None, schedule=kzoo.Phase("*", epochs=1), augmentation=noted)
    (example,) = seen
    if model == "ngrams":
        assert "film" in example
    else:
        assert (example.dtype, example.shape) == (np.dtype("float32"), (8_000,))
