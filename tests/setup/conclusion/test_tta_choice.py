"""Test-time augmentation is chosen on validation, and goes wherever the model goes."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.data.seams import with_tta
from kzoo.results.files import saving
from kzoo.setup.conclusion import tta_choice
from kzoo.setup.conclusion.tta_choice import choose_views
from kzoo.training.selection import WeightsState

SIZE = 16


@pytest.fixture(scope="module")
def net():
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(x), name="net")


@pytest.fixture(scope="module")
def task():
    """Wide images; one class is brighter."""
    rng = np.random.default_rng(0)
    classes = np.arange(90) % 2
    pixels = rng.integers(0, 180, (90, SIZE, 2 * SIZE, 3)) + 20 * classes[:, None, None, None]
    return kzoo.Classification((pixels.astype(np.uint8), classes), labels=["0", "1"], validation=0.3, test=0.3)


def state(losses, *, hits=None, monitored=None):
    """What validation says of some answers."""
    return WeightsState(np.array(losses, float), {}, True, hits, monitored)


def chosen(net, task, one, several):
    """A model of which validation says this with one view, and with several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tta_choice, "_state", lambda *given: several)
        patch.setattr(
            "kzoo.setup.conclusion.result.choose_views",
            lambda *given, **more: choose_views(*given, **{**more, "one": one}),
        )
        return kzoo.adapt(net, task, schedule="linear_probe", scaling="none")


HITS = np.array([1.0] * 8 + [0.0])


@pytest.mark.parametrize(
    ("one", "several", "tta"),
    [
        (state([1.0, 1.1, 1.2]), state([0.5, 0.6, 0.7]), True),
        (state([1.0, 1.1, 1.2]), state([0.9, 1.3, 0.7]), False),
        (state([0.5, 0.6, 0.7]), state([1.0, 1.1, 1.2]), False),
        (state([1.0, 1.1, 1.2], monitored=0.8), state([0.5, 0.6, 0.7], monitored=0.7), False),
        (state([1.0, 1.1, 1.2], monitored=0.8), state([0.5, 0.6, 0.7], monitored=0.9), True),
        (state([1.0] * 9, hits=np.zeros(9)), state([1.0] * 9, hits=HITS), True),
    ],
)
def test_several_views_are_taken_where_validation_is_sure(net, task, one, several, tta):
    adapted = chosen(net, task, one, several)
    assert adapted.tta == tta
    assert any("6 views" in note for note in adapted.record.notes) == tta


def test_few_validation_examples_choose_nothing(net, task, monkeypatch):
    monkeypatch.setattr(tta_choice, "LEAST", 10_000)
    assert not chosen(net, task, state([1.0, 1.1, 1.2]), state([0.5, 0.6, 0.7])).tta


@pytest.fixture(scope="module")
def several(net, task):
    """A model that answers by several views."""
    return chosen(net, task, state([1.0, 1.1, 1.2]), state([0.5, 0.6, 0.7]))


def test_it_is_chosen_by_the_weights_that_have_not_seen_validation(monkeypatch, net, task):
    """On examples that a head was fitted to, the view that it was fitted to looks better than it is."""
    seen = []

    def judged(model, preprocessor, prepared, feed):
        seen.append(model.get_weights())
        return state([1.0] * len(feed.validation))

    monkeypatch.setattr(tta_choice, "_state", judged)
    adapted = kzoo.adapt(net, task, schedule="linear_probe", scaling="none")
    assert adapted.record.refitted
    assert not all(map(np.array_equal, seen[0], adapted.network.get_weights()))


def test_an_answer_is_the_mean_over_the_views_of_an_image(several, task):
    pixels = task.data[0][:3]
    views = with_tta(several.preprocessor).fit(pixels).numpy()
    logits = np.mean([several.network(views[:, number], training=False) for number in range(6)], axis=0)
    wanted = tf.nn.softmax(logits)
    np.testing.assert_allclose(several.predict(pixels).outputs, wanted, atol=1e-5)
    one = tf.nn.softmax(several.network(views[:, 0], training=False))
    np.testing.assert_allclose(several.predict(pixels, tta=False).outputs, one, atol=1e-5)
    assert np.abs(one - wanted).max() > 1e-4


def test_it_is_measured_as_it_answers(several):
    test = several.splits().test
    wanted = (several.outputs(test).argmax(axis=1) == test.targets).mean()
    assert several.evaluate()["accuracy"] == several.record.test.metrics["accuracy"].value == pytest.approx(wanted)
    alone = several.evaluate(tta=False)
    assert alone.outputs.shape == several.evaluate(tta=True).outputs.shape
    assert not np.array_equal(alone.outputs, several.evaluate().outputs)


def test_it_comes_back_and_is_a_keras_model(several, task, tmp_path):
    pixels = task.data[0][:3]
    again = kzoo.load(several.save(tmp_path / "saved"))
    assert again.tta
    np.testing.assert_array_equal(again.predict(pixels).outputs, several.predict(pixels).outputs)
    several.model.save(tmp_path / "model.keras")
    plain = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(plain.predict(pixels, verbose=0), several.predict(pixels).outputs, atol=1e-5)


def test_what_an_earlier_kzoo_saved_answers_by_one_view(several, tmp_path):
    values = json.loads((several.save(tmp_path / "saved") / saving.CARD).read_text())
    assert values.pop("tta") is True
    values["record"].pop("refitted")
    assert "tta" not in saving._restored(values)


@pytest.mark.slow
def test_it_is_served_as_it_answers(several, task, tmp_path):
    version = several.export(tmp_path / "served")
    served = tf.saved_model.load(str(version)).signatures["tensor"]
    pixels = task.data[0][:3]
    np.testing.assert_allclose(
        served(image=tf.constant(pixels))["probabilities"], several.predict(pixels).outputs, atol=1e-5
    )
    assert "mean over 6 views" in (version / "assets.extra" / "README.md").read_text()


def test_a_model_of_texts_has_no_views():
    texts = [f"{word} {number}" for number in range(20) for word in ("good", "bad")]
    adapted = kzoo.adapt("ngrams", kzoo.Classification((texts, [0, 1] * 20), text="text"))
    assert not adapted.tta
    with pytest.raises(ValueError, match="Test-time augmentation is for images"):
        adapted.predict("good", tta=True)
