"""Limits of an adapted model: from validation, in predictions, in an export, and after save and load."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.core.storage import DamagedError, write_checksums
from kzoo.evaluation.abstention import choose_threshold
from kzoo.evaluation.novelty import fit_novelty
from kzoo.results.report import limit_choice


@pytest.fixture(scope="module")
def adapted():
    """A model that is often wrong: labels are noisy."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 200)
    shown = np.where(rng.random(200) < 0.2, 1 - targets, targets)
    pixels = rng.integers(60, 120, (200, 8, 8, 3)) + (shown * rng.integers(5, 60, 200))[:, None, None, None]
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.ReLU()(keras.layers.Conv2D(6, 3, strides=2)(keras.layers.Rescaling(1 / 255)(inputs)))
    task = kzoo.Classification((pixels.astype(np.uint8), targets), validation=0.4, test=0.1)
    schedule = kzoo.Schedule((kzoo.LinearProbe(refit=False),))
    return kzoo.adapt(keras.Model(inputs, x, name="tiny"), task, schedule=schedule)


@pytest.fixture(scope="module")
def limited(adapted):
    return adapted.with_limits(accuracy=0.85)


@pytest.fixture(scope="module")
def inputs(adapted):
    noise = np.random.default_rng(1).integers(0, 255, (1, 8, 8, 3))
    return np.concatenate([adapted.splits().test.columns["image"][:9], noise]).astype(np.uint8)


def test_the_threshold_is_that_of_validation(adapted, limited):
    held = adapted.splits().validation
    outputs = adapted.outputs(held)
    hits = outputs.argmax(axis=1) == held.targets
    threshold = choose_threshold(outputs.max(axis=1), hits, target=0.85)
    assert hits.mean() < 0.85
    assert (limited.limits.threshold, limited.limits.source) == (threshold, "the validation split")
    assert hits[outputs.max(axis=1) >= threshold].mean() >= 0.85


def test_novelty_is_that_of_the_report(adapted, limited):
    embeddings = adapted.inference.embeddings(adapted.splits().validation.columns["image"])
    wanted = fit_novelty(adapted.train_embeddings, embeddings)
    assert limited.limits.novelty.threshold == pytest.approx(wanted.threshold, abs=1e-6)


def test_predictions_say_it_and_are_otherwise_the_same(adapted, limited, inputs):
    found, plain = limited.predict(inputs), adapted.predict(inputs)
    np.testing.assert_array_equal(found.outputs, plain.outputs)
    assert (found.labels, plain.answered, plain.unlike_training) == (plain.labels, None, None)
    assert found.answered.tolist() == (plain.outputs.max(axis=1) >= limited.limits.threshold).tolist()
    assert len(set(found.answered.tolist())) == 2
    assert found.unlike_training[-1]
    wanted = limited.limits.novelty.distances(adapted.embed(inputs)).astype(np.float32)
    np.testing.assert_array_equal(found.limited.distance, wanted)


def test_few_training_examples_are_kept(adapted, monkeypatch):
    monkeypatch.setattr(limit_choice, "MOST_KEPT", 20)
    kept = adapted.with_limits().limits
    assert (kept.novelty.known.shape, kept.threshold) == ((20, 6), None)


@pytest.mark.slow
def test_limits_survive_save_and_load(limited, inputs, tmp_path):
    limited.save(tmp_path / "saved")
    assert kzoo.verify(tmp_path / "saved").rows[0][2] == 3
    again, found = kzoo.load(tmp_path / "saved").predict(inputs), limited.predict(inputs)
    np.testing.assert_array_equal(again.limited.distance, found.limited.distance)
    assert again.answered.tolist() == found.answered.tolist()
    np.save(tmp_path / "saved" / "novelty.npy", np.array([object()]), allow_pickle=True)
    (tmp_path / "saved" / "SHA256SUMS").unlink()
    write_checksums(tmp_path / "saved")
    with pytest.raises(DamagedError, match=r"novelty\.npy is damaged: .*Python objects"):
        kzoo.load(tmp_path / "saved")


def test_what_cannot_be_had_is_refused(adapted):
    with pytest.raises(ValueError, match=r"No threshold reaches accuracy=1\.0"):
        adapted.with_limits(accuracy=1.0)
    with pytest.raises(ValueError, match=r"accuracy must be a number in \(0, 1\]"):
        adapted.with_limits(accuracy=97)
    with pytest.raises(ValueError, match="novelty=True"):
        adapted.with_limits(novelty=False)


@pytest.mark.slow
def test_models_of_other_weights_have_no_limits(limited):
    assert kzoo.soup([limited, limited], how="uniform").limits is None


@pytest.mark.slow
def test_an_export_says_the_same(limited, inputs, tmp_path):
    version = limited.export(tmp_path / "served")
    found = limited.predict(inputs)
    signatures = tf.saved_model.load(str(version)).signatures
    reply = signatures["tensor"](image=tf.constant(inputs))
    assert reply["answered"].numpy().tolist() == found.answered.tolist()
    assert reply["unlike_training"].numpy().tolist() == found.unlike_training.tolist()
    np.testing.assert_allclose(reply["confidence"], found.limited.confidence, atol=1e-5)
    np.testing.assert_allclose(reply["distance"], found.limited.distance, atol=1e-5)
    bad = signatures["serving_default"](image=tf.constant([b"no image"]))
    assert np.isnan([bad["confidence"].numpy(), bad["distance"].numpy()]).all()
    assert (bad["answered"].numpy().tolist(), bad["unlike_training"].numpy().tolist()) == ([False], [False])
    assert "answers where the probability is" in (version / "assets.extra" / "README.md").read_text()
