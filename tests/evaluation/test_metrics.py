"""Metrics against scikit-learn, and their intervals against what is known of them."""

import numpy as np
import pytest
from sklearn import metrics

from kzoo.evaluation.metrics import measure

RNG = np.random.default_rng(0)
LABELS = ["a", "b", "c"]


def names(size):
    return [f"example {index}" for index in range(size)]


@pytest.fixture(scope="module")
def classified():
    truth = RNG.integers(0, 3, 200)
    outputs = RNG.dirichlet((1, 1, 1), 200)
    outputs[np.arange(200), truth] += 0.4
    outputs /= outputs.sum(axis=1, keepdims=True)
    return outputs, truth, measure("classification", outputs, truth, labels=LABELS, names=names(200))


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("accuracy", lambda truth, outputs: metrics.accuracy_score(truth, outputs.argmax(axis=1))),
        ("balanced accuracy", lambda truth, outputs: metrics.balanced_accuracy_score(truth, outputs.argmax(axis=1))),
        ("macro-F1", lambda truth, outputs: metrics.f1_score(truth, outputs.argmax(axis=1), average="macro")),
        ("log loss", lambda truth, outputs: metrics.log_loss(truth, outputs)),
    ],
)
def test_classification_is_scikit_learns(classified, name, oracle):
    outputs, truth, evaluation = classified
    assert evaluation[name] == pytest.approx(oracle(truth, outputs), rel=1e-5)
    metric = evaluation.metrics[name]
    assert metric.low < metric.value < metric.high


def test_the_interval_of_a_perfect_score_is_not_a_point():
    outputs = np.eye(3)[np.arange(12) % 3]
    accuracy = measure("classification", outputs, np.arange(12) % 3, labels=LABELS, names=names(12)).metrics["accuracy"]
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    assert accuracy.low == pytest.approx(12 / (12 + 1.96**2), abs=1e-3)  # Wilson, all hits


def test_the_interval_covers_the_truth_as_often_as_it_says():
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 150)
        right = rng.random(150) < 0.8
        outputs = np.eye(2)[np.where(right, truth, 1 - truth)]
        found = measure("classification", outputs, truth, labels=["a", "b"], names=names(150)).metrics["accuracy"]
        hits += found.low <= 0.8 <= found.high
    assert 90 <= hits <= 100


def test_a_class_without_test_examples_breaks_nothing():
    outputs = np.eye(3)[[0, 1, 0, 2]]
    evaluation = measure("classification", outputs, np.array([0, 1, 0, 1]), labels=LABELS, names=names(4))
    assert evaluation["accuracy"] == 0.75
    assert evaluation.by_label.rows[2][4] == 0


def test_worst_mistakes_come_first(classified):
    outputs, truth, evaluation = classified
    rows = evaluation.worst(5).rows
    probabilities = [row[3] for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(row[1] != row[2] for row in rows)
    assert evaluation.confusion.sum() - np.trace(evaluation.confusion) == np.sum(outputs.argmax(axis=1) != truth)


def test_multi_label():
    truth = RNG.integers(0, 2, (80, 3)).astype(np.float32)
    outputs = np.clip(truth * 0.5 + RNG.random((80, 3)) * 0.6, 0, 1).astype(np.float32)
    found = measure("multi_label", outputs, truth, labels=LABELS, names=names(80))
    predicted = outputs >= 0.5
    assert found["exact match"] == metrics.accuracy_score(truth, predicted)
    assert found["macro-F1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))


def test_regression():
    truth = RNG.normal(size=(60, 2)).astype(np.float32)
    outputs = truth + RNG.normal(0, 0.3, (60, 2)).astype(np.float32)
    found = measure("regression", outputs, truth, labels=["x", "y"], names=names(60))
    assert found["mean absolute error"] == pytest.approx(metrics.mean_absolute_error(truth, outputs), rel=1e-4)
    assert found["R2"] == pytest.approx(metrics.r2_score(truth, outputs), rel=1e-3)
    assert found.metrics["R2"].low < found["R2"] < found.metrics["R2"].high


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(ValueError, match="no examples"):
        measure("classification", np.zeros((0, 3)), np.zeros(0, int), labels=LABELS, names=[])


def test_it_prints_as_text_html_and_values(classified):
    evaluation = classified[2]
    assert "balanced accuracy" in str(evaluation)
    assert "<table>" in evaluation._repr_html_()
    assert evaluation.as_dict()["metrics"]["accuracy"]["value"] == evaluation["accuracy"]
