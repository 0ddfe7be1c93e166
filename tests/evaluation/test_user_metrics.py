"""Metrics of the user's have the right values, and intervals that hold the true one about as often as they say."""

import keras
import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from kzoo.evaluation import user_metrics
from kzoo.evaluation.metrics import measure
from kzoo.evaluation.user_metrics import (
    UserMetric,
    bootstrap,
    built_in_metrics,
    register_metric,
    resolve_metrics,
)
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, 60)
OUTPUTS = RNG.dirichlet(np.ones(3), 60).astype(np.float32)
OUTPUTS[np.arange(60), TRUTH] += 0.5
OUTPUTS /= OUTPUTS.sum(axis=1, keepdims=True)


def f2(truth, outputs):
    return fbeta_score(truth.argmax(1), outputs.argmax(1), beta=2, average="macro")


def evaluated(*metrics, **options):
    found = resolve_metrics(metrics, kind=CLASSIFICATION, outputs=3)
    names = [str(number) for number in range(60)]
    return measure("classification", OUTPUTS, TRUTH, labels=["a", "b", "c"], names=names, metrics=found, **options)


def test_a_callable_is_shown_beside_the_built_in_metrics():
    evaluation = evaluated(f2)
    assert next(iter(evaluation.metrics)) == "accuracy"
    assert evaluation["f2"] == pytest.approx(f2(np.eye(3)[TRUTH], OUTPUTS))
    found = evaluation.metrics["f2"]
    assert found.low < found.value < found.high
    assert any(row[0] == "f2" for row in evaluation.table().rows)
    assert "f2: the interval is a percentile bootstrap of 499 draws of examples." in evaluation.notes
    assert evaluation.as_dict()["metrics"]["f2"]["low"] == found.low


@pytest.mark.parametrize(
    "metric",
    [keras.metrics.CategoricalAccuracy(), keras.metrics.SparseCategoricalAccuracy(), "categorical_accuracy"],
    ids=str,
)
def test_metrics_of_keras_start_anew_on_each_set(metric, monkeypatch):
    monkeypatch.setattr("kzoo.evaluation.user_metrics.RESAMPLES", 20)
    (found,) = resolve_metrics([metric], kind=CLASSIFICATION, outputs=3)
    shown = evaluated(metric)
    for _ in range(2):
        assert found.function(np.eye(3, dtype=np.float32)[TRUTH], OUTPUTS) == pytest.approx(shown["accuracy"])
    assert shown[found.name] == pytest.approx(shown["accuracy"])


def test_groups_are_drawn_whole():
    """All examples of a group are alike: its interval is that of as many independent examples as there are groups."""
    groups = np.repeat(np.arange(20), 10)
    truth = np.repeat(RNG.integers(0, 2, 20), 10)[:, None].astype(np.float32)
    metric = UserMetric("mean", lambda truth, outputs: float(truth.mean()))
    wide, note = bootstrap(metric, truth, truth, groups=[str(each) for each in groups])
    narrow, _ = bootstrap(metric, truth, truth)
    assert 2 < (wide.high - wide.low) / (narrow.high - narrow.low) < 5  # the root of 10
    assert "499 draws of groups" in note


def test_the_interval_holds_the_true_value_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("kzoo.evaluation.user_metrics.RESAMPLES", 199)
    metric = UserMetric("mean", lambda truth, outputs: float(truth.mean()))
    held = 0
    for seed in range(100):
        truth = np.random.default_rng(seed).normal(size=(50, 1)).astype(np.float32)
        found, _ = bootstrap(metric, truth, truth)
        held += found.low <= 0 <= found.high
    assert 86 <= held <= 99


def test_draws_without_a_value_are_left_out_and_most_of_them_leave_no_interval():
    def rare(truth, outputs):
        if not truth.any():
            raise ValueError("only one class")
        return truth.mean()

    truth = np.zeros((40, 1), np.float32)
    truth[:2] = 1
    found, note = bootstrap(UserMetric("rare", rare), truth, truth)
    assert found.low < found.high
    assert "499 draws" not in note
    never, note = bootstrap(UserMetric("never", lambda truth, outputs: np.nan), truth, truth)
    assert np.isnan(never.value)
    assert note == "never: undefined on most bootstrap draws of examples. It has no interval."
    one, note = bootstrap(UserMetric("one", lambda truth, outputs: 1.0), truth[:1], truth[:1])
    assert (one.low, one.high, note) == (1.0, 1.0, "one: an interval needs two examples or more.")


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        (["no_such"], ValueError, r"There is no metric 'no_such' in keras.metrics"),
        ([3], TypeError, r"A metric must be a Keras metric, its name, or a callable of \(truth, outputs\)\. Got 3"),
        ([keras.metrics.AUC], TypeError, r"A metric must be a Keras metric"),
        ([f2, f2], ValueError, r"Two metrics are named 'f2'"),
        ([keras.metrics.F1Score()], ValueError, r"The metric 'f1_score' cannot be used.*must return a number"),
        ([lambda truth, outputs: outputs @ truth], ValueError, r"The metric 'metric 1' cannot be used.*truth one-hot"),
    ],
)
def test_what_gives_no_number_is_refused_before_training(metrics, error, message):
    with pytest.raises(error, match=message):
        resolve_metrics(metrics, kind=CLASSIFICATION, outputs=3)


def accuracy(truth, outputs):
    return 0.5


def test_built_in_metrics_keep_their_names():
    assert "accuracy" in built_in_metrics()
    assert resolve_metrics(["accuracy"], kind=CLASSIFICATION, outputs=3) == ()
    with pytest.raises(ValueError, match=r"'accuracy' is a built-in metric of kzoo. Give your metric another name"):
        resolve_metrics([accuracy], kind=CLASSIFICATION, outputs=3)
    assert set(evaluated().metrics) <= built_in_metrics()


@pytest.mark.slow
def test_a_registered_metric_goes_by_its_name(monkeypatch):
    monkeypatch.setattr(user_metrics, "METRICS", {})
    register_metric("mine", lambda truth, outputs: 2 * f2(truth, outputs))
    assert evaluated("mine")["mine"] == pytest.approx(2 * f2(np.eye(3)[TRUTH], OUTPUTS))
    register_metric("right", keras.metrics.CategoricalAccuracy())
    assert evaluated("right")["right"] == pytest.approx(evaluated()["accuracy"])
    for taken in ("mine", "accuracy", "macro_f1", "loss", "AUC"):
        with pytest.raises(ValueError, match=f"A metric named '{taken}' already exists"):
            register_metric(taken, f2)
    for nothing in (3, "AUC", keras.metrics.AUC):
        with pytest.raises(TypeError, match="A metric must be a Keras metric"):
            register_metric("other", nothing)
    assert list(user_metrics.METRICS) == ["mine", "right"]


@pytest.mark.parametrize("kind", [MULTI_LABEL, REGRESSION])
def test_other_tasks_have_metrics_too(kind):
    def error(truth, outputs):
        assert truth.dtype == outputs.dtype == np.float32
        assert truth.shape == outputs.shape
        return np.abs(truth - outputs).max()

    assert resolve_metrics([error], kind=kind, outputs=2)[0].name == "error"
