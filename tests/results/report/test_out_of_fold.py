"""Out-of-fold answers against scikit-learn's, and folds that divide neither groups nor copies."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from kzoo.results.report.out_of_fold import make_folds, neighbor_answers, probe_answers
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.probes.linear_probe import STRENGTHS

KIND = get_task_kind("classification")


def problem(size=240, width=12, classes=3):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, size)
    features = rng.normal(size=(size, width)) + 1.2 * np.eye(classes, width)[truth]
    return features.astype(np.float32), truth, np.eye(classes, dtype=np.float32)[truth]


def folds_of(truth, groups=(), digests=None):
    digests = digests or [str(number) for number in range(len(truth))]
    return make_folds(KIND, truth, groups=groups, digests=digests, seed=0)


def test_each_example_is_asked_once_by_those_that_were_not_given_it():
    _, truth, _ = problem()
    folds = folds_of(truth)
    assert sorted(np.concatenate([asked for _, asked in folds])) == list(range(len(truth)))
    assert all(not set(fitted) & set(asked) for fitted, asked in folds)
    counts = np.stack([np.bincount(truth[asked]) for _, asked in folds])
    assert np.ptp(counts, axis=0).max() <= 1


@pytest.mark.parametrize("by", ["groups", "digests"])
def test_groups_and_copies_stay_together(by):
    _, truth, _ = problem()
    together = [str(number // 8) for number in range(len(truth))]
    folds = folds_of(truth, **{by: together})
    assert len(folds) == 5
    for fitted, asked in folds:
        assert not {together[n] for n in fitted} & {together[n] for n in asked}


def test_a_class_with_fewer_examples_than_folds_is_no_error():
    truth = np.asarray([0] * 20 + [1] * 20 + [2] * 2)
    features = np.random.default_rng(0).normal(size=(42, 5)).astype(np.float32)
    outputs = probe_answers(features, np.eye(3, dtype=np.float32)[truth], folds_of(truth), kind=KIND)
    assert np.isfinite(outputs).all()


def test_one_group_gives_no_folds():
    with pytest.raises(ValueError, match="Two groups or more"):
        folds_of(np.asarray([0, 1, 0, 1]), groups=["a"] * 4)


@pytest.mark.parametrize("width", [12, 400])
def test_the_probe_is_the_logistic_regression_of_one_penalty(width):
    """Also where there are more features than examples, and a matrix of inner products stands for them."""
    features, truth, rows = problem(width=width)
    folds = folds_of(truth)
    found = probe_answers(features, rows, folds, kind=KIND)
    standard, near = StandardScaler().fit_transform(features), []
    for strength in STRENGTHS:
        wanted = np.zeros_like(found)
        for fitted, asked in folds:
            model = LogisticRegression(C=strength, tol=1e-6, max_iter=5000).fit(standard[fitted], truth[fitted])
            wanted[asked] = model.predict_proba(standard[asked])
        near.append(np.abs(wanted - found).max())
    assert min(near) < 0.03


@pytest.mark.parametrize("kind_of_features", ["alike", "dead", "nearly constant"])
def test_poor_features_are_scored(kind_of_features):
    """More features than examples, and hardly any variation."""
    features, truth, rows = problem(width=700)
    features = {
        "alike": np.repeat(features[:8], 30, axis=0),
        "dead": np.full_like(features, 3.0),
        "nearly constant": 100 + 1e-5 * np.repeat(features[:, :7], 100, axis=1),
    }[kind_of_features]
    for outputs in (
        probe_answers(features, rows, folds_of(truth), kind=KIND),
        neighbor_answers(features, rows, folds_of(truth)),
    ):
        np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)


def test_neighbours_are_weighed_by_the_cosine():
    features, truth, rows = problem()
    folds = folds_of(truth)
    found = neighbor_answers(features, rows, folds)
    unit = features - features.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    fitted, asked = folds[2]
    for example in asked[:5]:
        cosines = unit[fitted] @ unit[example]
        nearest = np.argsort(-cosines)[:10]
        weights = np.exp(cosines[nearest] / 0.07)
        np.testing.assert_allclose(found[example], weights @ rows[fitted][nearest] / weights.sum(), rtol=1e-3)


def test_an_answer_does_not_know_its_target():
    features, _, _ = problem()
    targets = np.random.default_rng(1).integers(0, 3, len(features))
    folds, rows = folds_of(targets), np.eye(3, dtype=np.float32)[targets]
    for outputs in (probe_answers(features, rows, folds, kind=KIND), neighbor_answers(features, rows, folds)):
        assert np.mean(outputs.argmax(axis=1) == targets) < 0.45
