"""Crops in fixed places, and a probe that is solved on them and predicts by their mean."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.image.crops import crop_views, with_crops
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.image.reader import ImageReader

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)


def test_views_are_the_whole_and_the_corners():
    views = np.asarray(crop_views(tf.constant(IMAGES)))
    assert views.shape == (3, 5, 16, 16, 3)
    np.testing.assert_array_equal(views[:, 0], IMAGES)
    starts = [(0, 0), (0, 2), (2, 0), (2, 2)]
    for number, (top, left) in enumerate(starts, start=1):
        wanted = tf.image.resize(IMAGES[:, top : top + 14, left : left + 14], (16, 16))
        np.testing.assert_allclose(views[:, number], wanted, rtol=1e-5)


def test_a_reader_gives_the_views_that_an_answer_is_made_of():
    pixels = IMAGES.astype(np.uint8)
    reader = ImageReader(pixels, ImagePreprocessor(16))
    views = reader.load(tf.constant(1, tf.int64), "crops", [0, 3])
    np.testing.assert_array_equal(views, crop_views(tf.constant(pixels[1:2], tf.float32))[0].numpy()[[0, 3]])
    assert reader.key("crops") != reader.key("none")


def test_the_answer_is_the_mean_and_other_outputs_are_of_the_whole():
    inputs = keras.Input((16, 16, 3))
    features = keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, [keras.layers.Dense(2)(features), features])
    logits, embeddings = with_crops(model)(IMAGES)
    views = [model(view) for view in tf.unstack(crop_views(tf.constant(IMAGES)), axis=1)]
    np.testing.assert_allclose(logits, np.mean([each[0] for each in views], axis=0), rtol=1e-4)
    np.testing.assert_allclose(embeddings, views[0][1], rtol=1e-4)
    assert with_crops(keras.Model(inputs, model.outputs[0]))(IMAGES).shape == (3, 2)


@pytest.fixture(scope="module")
def adapted():
    labels = np.repeat(["dark", "light"], 20)
    pixels = (
        RNG.integers(0, 130, (40, 32, 32, 3), dtype=np.uint8) + np.where(labels == "light", 60, 0)[:, None, None, None]
    )
    task = kzoo.Classification((pixels.astype(np.uint8), labels))
    schedule = kzoo.Schedule(kzoo.LinearProbe(crops=True))
    return kzoo.adapt("kzoo_nano_image", task, schedule=schedule, size=32)


@pytest.mark.slow
def test_validation_test_and_predictions_are_means_over_crops(adapted):
    assert adapted.crops
    assert adapted.record.phases[0].views == 5
    test = adapted.splits().test
    pixels = np.stack(list(test.columns["image"]))
    scaled = adapted.preprocessor.scale(crop_views(adapted.preprocessor.fit(tf.constant(pixels))))
    logits = np.mean([adapted.network(view) for view in tf.unstack(scaled, axis=1)], axis=0)
    np.testing.assert_allclose(adapted.predict(pixels).probabilities, tf.nn.softmax(logits), atol=1e-4)
    np.testing.assert_allclose(adapted.outputs(test), tf.nn.softmax(logits), atol=1e-4)
    held = adapted.splits().validation
    truth = np.asarray(held.targets, int)
    chances = adapted.outputs(held)[np.arange(len(held)), truth]
    assert adapted.record.phases[0].scores["val_loss"] == pytest.approx(-np.log(chances).mean(), abs=1e-3)


@pytest.mark.slow
def test_what_is_saved_and_exported_answers_the_same(adapted, tmp_path):
    pixels = np.stack(list(adapted.splits().test.columns["image"]))
    wanted = adapted.predict(pixels).probabilities
    loaded = kzoo.load(adapted.save(tmp_path / "saved"))
    assert loaded.crops
    np.testing.assert_array_equal(loaded.predict(pixels).probabilities, wanted)
    served = tf.saved_model.load(str(adapted.export(tmp_path / "served"))).signatures["tensor"]
    np.testing.assert_allclose(served(image=tf.constant(pixels))["probabilities"], wanted, atol=1e-4)
    np.testing.assert_allclose(adapted.model(pixels), wanted, atol=1e-4)


def test_crops_are_of_images():
    schedule = kzoo.Schedule(kzoo.LinearProbe(crops=True))
    task = kzoo.Classification(([f"film {number} is good" for number in range(20)], ["yes", "no"] * 10))
    with pytest.raises(ValueError, match=r"crops=True\) is for images; the data are texts"):
        kzoo.plan("kzoo_nano_text", task, schedule=schedule)
    with pytest.raises(ValueError, match="crops of a linear probe must be True or False"):
        kzoo.LinearProbe(crops=5)
