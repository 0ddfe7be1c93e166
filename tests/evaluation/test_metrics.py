"""Metrics against scikit-learn, and what an evaluation says of them. Their intervals: test_intervals.py."""

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


def test_a_class_without_test_examples_breaks_nothing():
    outputs = np.eye(3)[[0, 1, 0, 2]]
    evaluation = measure("classification", outputs, np.array([0, 1, 0, 1]), labels=LABELS, names=names(4))
    assert evaluation["accuracy"] == 0.75
    assert evaluation["balanced accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert evaluation["macro-F1"] == pytest.approx((1 + 2 / 3 + 0) / 3)  # it was answered once
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
    assert found["exact match"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert found["macro-F1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    assert found["micro-F1"] == pytest.approx(metrics.f1_score(truth, predicted, average="micro"))
    losses = [metrics.log_loss(truth[:, label], outputs[:, label].clip(1e-15, 1 - 1e-7)) for label in range(3)]
    assert found["log loss"] == pytest.approx(np.mean(losses), rel=1e-3)


def test_regression():
    truth = RNG.normal(size=(60, 2)).astype(np.float32)
    outputs = truth + RNG.normal(0, 0.3, (60, 2)).astype(np.float32)
    found = measure("regression", outputs, truth, labels=["x", "y"], names=names(60))
    assert found["mean absolute error"] == pytest.approx(metrics.mean_absolute_error(truth, outputs), rel=1e-4)
    assert found["R2"] == pytest.approx(metrics.r2_score(truth, outputs), rel=1e-3)
    squared = metrics.root_mean_squared_error(truth.ravel(), outputs.ravel())
    assert found["root mean squared error"] == pytest.approx(squared, rel=1e-4)


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(ValueError, match="needs at least one example"):
        measure("classification", np.zeros((0, 3)), np.zeros(0, int), labels=LABELS, names=[])


def test_it_prints_as_text_html_and_values(classified):
    evaluation = classified[2]
    assert "balanced accuracy" in str(evaluation)
    assert "<table>" in evaluation._repr_html_()
    assert evaluation.as_dict()["metrics"]["accuracy"]["value"] == evaluation["accuracy"]


def rough(truth, *, kind="classification", labels=LABELS, groups=(), notes=()):
    """The notes of a perfect prediction."""
    outputs = np.eye(len(labels))[truth] if kind == "classification" else truth
    return measure(kind, outputs, truth, labels=labels, names=names(len(truth)), groups=groups, notes=notes).notes


def test_labels_with_few_test_examples_are_named():
    truth = np.array([0] * 5 + [1] * 4)
    expected = "Fewer than 5 test examples: b (4), c (0): their scores are imprecise."
    assert rough(truth, notes=["1 copy left out"]) == ["1 copy left out", expected]
    assert rough(np.repeat([0, 1, 2], 5)) == []
    labels = np.zeros((9, 2), np.float32)
    labels[:4, 0] = labels[:5, 1] = 1
    expected = ["Fewer than 5 test examples: a (4): their scores are imprecise."]
    assert rough(labels, kind="multi_label", labels=["a", "b"]) == expected
    assert rough(np.arange(4.0)[:, None], kind="regression", labels=["x"]) == []


def test_of_many_rare_labels_ten_are_named():
    (note,) = rough(np.arange(12), labels=[f"l{number}" for number in range(12)])
    assert note.endswith("l8 (1), l9 (1) and 2 more: their scores are imprecise.")


def test_few_groups_are_said():
    truth = np.repeat([0, 1, 2], 10)
    assert rough(truth, groups=[str(number % 10) for number in range(30)]) == []
    (few,) = rough(truth, groups=[str(number % 9) for number in range(30)])
    assert few == "The test examples are of 9 groups only. With fewer than 10 the intervals are imprecise."
    (one,) = rough(truth, groups=["same"] * 30)
    assert one.startswith("All test examples are of one group, so the differences between groups cannot be estimated")


def test_groups_reach_the_intervals_and_the_table_of_groups():
    truth = np.repeat([0, 1], 30)
    outputs = np.eye(2)[np.where(np.arange(60) % 6 == 0, 1 - truth, truth)]
    groups = [f"g{number % 6}" for number in range(60)]
    found = measure("classification", outputs, truth, labels=["a", "b"], names=names(60), groups=groups)
    assert found.by_group.rows[0] == ("g0", 0.0, 10)
    assert found.by_group.rows[1:] == [(f"g{number}", 1.0, 10) for number in range(1, 6)]
    apart = measure("classification", outputs, truth, labels=["a", "b"], names=names(60)).metrics["accuracy"]
    together = found.metrics["accuracy"]
    assert together.value == apart.value == pytest.approx(5 / 6)
    # One group of six is all wrong: six examples say as much as the sixty.
    assert together.high - together.low > 2.5 * (apart.high - apart.low)


def test_of_many_labels_the_largest_are_printed():
    truth = np.concatenate([np.arange(30), np.full(4, 29), np.full(3, 12)])
    evaluation = measure(
        "classification",
        np.eye(30)[truth],
        truth,
        labels=[f"label {number}" for number in range(30)],
        names=names(len(truth)),
    )
    shown = str(evaluation)
    assert "label 29" in shown
    assert "label 12" in shown
    assert "label 28 " not in shown
    assert "25 are not shown. All: evaluation.by_label" in shown
    assert "evaluation.by_label" in evaluation._repr_html_()
    assert len(evaluation.by_label.rows) == 30


def test_each_kind_of_task_has_its_plot(classified):
    truth, outputs = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.9, 0.1], [0.2, 0.8]])
    titles = {
        "multi_label": ["Scores by label"],
        "regression": ["a: prediction against truth", "a: residuals", "b: prediction against truth", "b: residuals"],
    }
    assert classified[2].plot().axes[0].get_title().startswith("Confusion matrix: ")
    for kind, wanted in titles.items():
        figure = measure(kind, outputs, truth, labels=["a", "b"], names=names(2)).plot()
        assert [axis.get_title() for axis in figure.axes] == wanted
