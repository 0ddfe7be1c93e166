"""What holds of every kind of task: its functions take and give what `TaskKind` says, and agree with each other."""

import keras
import numpy as np
import pytest

from kzoo.task_kinds.kind_registry import TASK_KINDS, get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

OUTPUTS = 3
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2 * OUTPUTS, OUTPUTS)).astype(np.float32)

every_kind = pytest.mark.parametrize("kind", TASK_KINDS.values(), ids=repr)


def rows_of(kind: TaskKind) -> np.ndarray:
    """Rows of truth, as many as there are logits."""
    return kind.sample(OUTPUTS)[0][: len(LOGITS)]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"must be one of classification, multi_label, regression\. Got 'ordinal'"):
        get_task_kind("ordinal")


@every_kind
def test_a_sample_has_each_label_twice_and_suits_its_monitors(kind):
    truth, outputs = kind.sample(OUTPUTS)
    assert truth.shape == outputs.shape
    assert {truth.dtype, outputs.dtype} == {np.dtype(np.float32)}
    if kind.has_labels:
        assert (truth.sum(axis=0) >= 2).all()
    for name, score in kind.monitors.items():
        assert 0 <= score(truth, outputs) <= 1, name
        assert score(truth, truth) == 1, name


@every_kind
def test_the_loss_of_training_is_the_mean_of_the_examples_losses(kind):
    rows = rows_of(kind)
    losses = kind.example_losses(LOGITS, rows)
    assert (losses.shape, losses.dtype) == ((len(LOGITS),), np.float64)
    assert losses.mean() == pytest.approx(float(kind.loss(0.0)(rows, LOGITS)), rel=1e-5)
    assert 0 <= kind.smoothing < 1
    assert np.isfinite(float(kind.loss(kind.smoothing)(rows, LOGITS)))


@every_kind
def test_hits_are_shares_of_right_answers_where_there_are_labels(kind):
    hits = kind.example_hits(LOGITS, rows_of(kind))
    assert (hits is not None) == kind.has_labels
    if hits is not None:
        assert hits.shape == (len(LOGITS),)
        assert ((hits >= 0) & (hits <= 1)).all()


@every_kind
def test_of_constants_the_one_that_is_given_has_the_lowest_loss(kind):
    rows = np.repeat(rows_of(kind), [1, 1, 1, 1, 2, 4], axis=0)
    logits = kind.constant_logits(rows.mean(axis=0), 10**9)

    def loss(constant):
        return kind.example_losses(np.broadcast_to(constant, rows.shape), rows).mean()

    assert logits.shape == (OUTPUTS,)
    for step in 0.1 * np.concatenate([np.eye(OUTPUTS), -np.eye(OUTPUTS)]):
        assert loss(logits + step) > loss(logits)


@every_kind
def test_a_guess_is_logits_of_zero(kind):
    rows = rows_of(kind)
    if kind.standardises:
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    losses = kind.example_losses(np.zeros_like(rows), rows)
    assert losses.mean() == pytest.approx(kind.guess_loss(OUTPUTS), rel=1e-5)


@every_kind
def test_the_slope_is_the_derivative_of_the_loss_by_the_temperature(kind):
    if kind.temperature_slope is None:
        return
    rows, logits = rows_of(kind), LOGITS.astype(np.float64)
    above, below = (kind.example_losses((2.0 + step) * logits, rows).mean() for step in (1e-6, -1e-6))
    assert kind.temperature_slope(logits, rows)(np.log(2.0)) == pytest.approx((above - below) / 2e-6, rel=1e-5)


@every_kind
def test_the_distance_to_oneself_is_nothing_and_to_others_something(kind):
    here, there = (np.asarray(kind.distance(LOGITS, each, 2.0)) for each in (LOGITS, LOGITS[::-1].copy()))
    assert here.shape == (len(LOGITS),)
    np.testing.assert_allclose(here, 0, atol=1e-6)
    assert there.mean() > 0.01


@every_kind
def test_a_probe_of_features_that_are_the_logits_finds_them(kind):
    features = np.repeat(LOGITS, 20, axis=0)
    rows = kind.outputs_of(features)
    rows = kind.as_rows(rows.argmax(axis=1), OUTPUTS) if kind.exclusive else rows
    rows = (rows >= 0.5).astype(np.float32) if kind.has_labels else rows
    kernel, bias = kind.probe(OUTPUTS)(features, rows, np.ones(len(rows)), 1e4, 1e-6)
    assert (kernel.shape, bias.shape) == ((OUTPUTS, OUTPUTS), (OUTPUTS,))
    assert kind.example_losses(features @ kernel + bias, rows).mean() < 0.05


@every_kind
def test_outputs_of_labels_are_probabilities(kind):
    outputs = kind.outputs_of(LOGITS)
    assert outputs.dtype == np.float32
    if kind.has_labels:
        assert ((outputs > 0) & (outputs < 1)).all()
    if kind.exclusive:
        np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)


@every_kind
def test_the_loss_is_one_of_keras(kind):
    assert isinstance(kind.loss(0.0), keras.losses.Loss)


def encoded_sample(kind: TaskKind) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and encoded truth."""
    rows, outputs = kind.sample(OUTPUTS)
    return outputs, rows.argmax(axis=1) if kind.exclusive else rows


@every_kind
def test_an_evaluation_has_the_metrics_that_are_named_and_the_first_is_the_mean_of_the_examples(kind):
    outputs, truth = encoded_sample(kind)
    found = kind.metrics(outputs, truth)
    assert tuple(found) == tuple(kind.metric_names)
    assert kind.example_scores(outputs, truth).mean() == pytest.approx(found[kind.metric_names[0]].value, rel=1e-6)
    better = kind.example_scores(kind.sample(OUTPUTS)[0], truth).mean() > kind.example_scores(outputs, truth).mean()
    assert better == kind.higher_is_better


@every_kind
def test_labels_are_counted_where_there_are_labels(kind):
    outputs, truth = encoded_sample(kind)
    table = kind.by_label(outputs, truth, ["a", "b", "c"])
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert (kind.label_counts is not None) == kind.has_labels
    assert (kind.confusion is not None) == kind.exclusive
    if kind.label_counts is not None:
        assert kind.label_counts(truth, OUTPUTS).tolist() == [row[-1] for row in table.rows]
    if kind.confusion is not None:
        assert kind.confusion(outputs, truth).sum(axis=1).tolist() == [2, 2, 2]


@every_kind
def test_models_are_compared_by_what_is_best_for_the_truth_itself(kind):
    outputs, truth = encoded_sample(kind)
    assert kind.merit(kind.sample(OUTPUTS)[0], truth) > kind.merit(outputs, truth)
    if kind.log_loss is not None:
        assert kind.merit(outputs, truth)[1] == -kind.log_loss(outputs, truth, 1.0)
        assert kind.log_loss(outputs, truth, 1e9) == pytest.approx(kind.guess_loss(OUTPUTS), rel=1e-6)
