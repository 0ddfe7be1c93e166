"""Probabilities are calibrated where validation is sure that it helps; the temperature goes wherever the model goes."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.results.files import saving
from kzoo.setup.conclusion.calibration_choice import choose_temperature, choose_temperatures, divide_logits
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training import selection

SIZE = 8


class Given:
    """A feed with validation targets alone."""

    def __init__(self, kind, targets):
        self.kind, self.validation = kind, self
        self.targets = targets


def chosen(kind, logits, targets):
    constant = kind.example_losses(np.zeros_like(logits), targets)
    return choose_temperature(selection.judge(kind, logits, targets, constant=constant), Given(kind, targets))


def sampled(kind, size, *, times, seed=0):
    """Logits that are `times` as large as those from which the targets were drawn."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(size, 3))
    if kind.exclusive:
        targets = np.eye(3)[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]
    else:
        targets = (logits + rng.logistic(size=logits.shape) > 0).astype(float)
    return times * logits, targets


@pytest.mark.parametrize("kind", [CLASSIFICATION, MULTI_LABEL])
@pytest.mark.parametrize("times", [0.3, 3.0])
def test_what_is_too_sure_or_not_sure_enough_is_mended(kind, times):
    temperature, note = chosen(kind, *sampled(kind, 2_000, times=times))
    assert temperature == pytest.approx(times, rel=0.1)
    assert f"logits are divided by {temperature:.2f}" in note


def test_each_of_several_tasks_has_a_temperature_of_its_own():
    kind = get_task_kind("several tasks: a classification 3, b regression 1, c multi_label 3")
    (first, one), (third, three) = sampled(CLASSIFICATION, 1_000, times=3), sampled(MULTI_LABEL, 1_000, times=0.3)
    logits = np.concatenate([first, np.ones((1_000, 1)), third], axis=1)
    targets = np.concatenate([one, np.ones((1_000, 1)), three], axis=1)
    targets[:200, :3] = np.nan
    state = selection.WeightsState(np.zeros(1_000), {}, True, logits=logits, learned=True)
    found, note = choose_temperatures(state, Given(kind, targets))
    assert found == pytest.approx([3, 3, 3, 1, 0.3, 0.3, 0.3], rel=0.1)
    assert note.startswith("a: Probabilities are calibrated")
    assert ". c: " in note
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(7, bias_initializer="ones")(inputs))
    before = np.asarray(model(np.ones((2, 4))))
    assert divide_logits(model, found)
    np.testing.assert_allclose(model(np.ones((2, 4))), before / found, rtol=1e-5)
    assert choose_temperatures(None, Given(kind, targets)) == (None, "")
    assert not divide_logits(keras.Model(inputs, keras.layers.Activation("relu")(inputs)), found)


@pytest.mark.parametrize("kind", [CLASSIFICATION, MULTI_LABEL])
def test_what_is_as_sure_as_it_is_right_stays(kind):
    mended = [chosen(kind, *sampled(kind, 300, times=1, seed=seed))[0] != 1 for seed in range(20)]
    # A gain of more than one standard error is chance in 16 of 100 at most.
    assert sum(mended) <= 6


def test_a_few_right_answers_do_not_make_it_as_sure_as_can_be():
    targets = np.eye(2)[[0, 1] * 10]
    temperature, _ = chosen(CLASSIFICATION, targets, targets)
    sure = 1 / (1 + np.exp(-1 / temperature))
    assert sure == pytest.approx(1 - 1 / 22, abs=1e-3)


def test_a_regression_and_what_learned_nothing_have_none():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 1))
    assert chosen(REGRESSION, values, values) == (1.0, "")
    assert chosen(CLASSIFICATION, 9 * rng.normal(size=(100, 3)), np.eye(3)[rng.integers(0, 3, 100)]) == (1.0, "")
    assert choose_temperature(None, Given(CLASSIFICATION, np.eye(3))) == (1.0, "")


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    classes = np.arange(90) % 2
    pixels = rng.integers(0, 180, (90, SIZE, SIZE, 3)) + 20 * classes[:, None, None, None]
    return kzoo.Classification((pixels.astype(np.uint8), classes), labels=["0", "1"], validation=0.3, test=0.3)


@pytest.fixture(scope="module")
def adapted(task):
    """A model whose temperature is 2."""
    inputs = keras.Input((SIZE, SIZE, 3))
    net = keras.Model(inputs, keras.layers.Conv2D(4, 3, activation="relu")(inputs), name="net")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kzoo.setup.conclusion.result.choose_temperature", lambda state, feed: (2.0, "Calibrated"))
        return kzoo.adapt(net, task, schedule="linear_probe", scaling="none", verbose=0)


def test_it_answers_by_calibrated_probabilities(adapted, task):
    pixels = task.data[0][:5]
    logits = adapted.network(pixels.astype(np.float32), training=False)
    found = adapted.predict(pixels, tta=False)
    np.testing.assert_allclose(found.outputs, tf.nn.softmax(logits / 2), atol=1e-6)
    assert "Calibrated" in adapted.record.notes
    assert [max(each.outputs, key=each.outputs.get) for each in found] == found.labels


def test_it_comes_back_and_is_a_keras_model(adapted, task, tmp_path):
    pixels = task.data[0][:5]
    again = kzoo.load(adapted.save(tmp_path / "saved"))
    assert again.temperature == 2
    np.testing.assert_array_equal(again.predict(pixels).outputs, adapted.predict(pixels).outputs)
    adapted.model.save(tmp_path / "model.keras")
    plain = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(plain.predict(pixels, verbose=0), adapted.predict(pixels).outputs, atol=1e-5)
    values = json.loads((tmp_path / "saved" / saving.CARD).read_text())
    assert values.pop("temperature") == 2
    assert "temperature" not in saving._restored(values), "what an earlier kzoo saved has none"


def test_an_ensemble_of_it_knows_its_temperature(adapted):
    both = kzoo.ensemble([adapted, adapted])
    assert both.temperature == 1
    assert both.record.merged.temperatures == (2.0, 2.0), "the heads were refitted, so none is fitted again"
    pixels = adapted.splits().test.columns["image"]
    alone = adapted.predict(pixels, tta=False).outputs
    np.testing.assert_allclose(both.predict(pixels, tta=False).outputs, alone, atol=1e-5)


@pytest.mark.slow
def test_it_is_served_as_it_answers(adapted, task, tmp_path):
    version = adapted.export(tmp_path / "served")
    served = tf.saved_model.load(str(version)).signatures["tensor"]
    pixels = task.data[0][:3]
    np.testing.assert_allclose(
        served(image=tf.constant(pixels))["probabilities"], adapted.predict(pixels).outputs, atol=1e-5
    )
