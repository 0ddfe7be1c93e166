"""Confident learning against its definition, and labels that were flipped on purpose."""

import numpy as np

from kzoo.results.report.label_errors import confident_joint, find_suspects
from kzoo.results.report.out_of_fold import make_folds, neighbor_answers, probe_answers
from kzoo.task_kinds.kind_registry import get_task_kind


def joint_of_the_paper(probabilities, given):
    """Equations 1 and 2 of arXiv:1911.00068, example by example."""
    classes = probabilities.shape[1]
    bars = [probabilities[given == label, label].mean() for label in range(classes)]
    joint = np.zeros((classes, classes), int)
    for row, label in zip(probabilities, given, strict=True):
        over = [other for other in range(classes) if row[other] >= bars[other]]
        if over:
            joint[label, max(over, key=lambda other: row[other])] += 1
    return joint


def test_the_joint_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    given = rng.integers(0, 4, 300)
    probabilities = rng.dirichlet(np.ones(4), 300) + 0.7 * np.eye(4)[given] * rng.random((300, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(confident_joint(probabilities, given), joint_of_the_paper(probabilities, given))


def test_a_class_without_examples_is_never_confident():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    assert confident_joint(probabilities, np.array([0, 0, 1]))[:, 2].sum() == 0


def test_flipped_labels_are_found():
    rng, kind = np.random.default_rng(1), get_task_kind("classification")
    truth = rng.integers(0, 4, 400)
    features = (rng.normal(size=(400, 16)) + 3.0 * np.eye(4, 16)[truth]).astype(np.float32)
    flipped = rng.choice(400, 20, replace=False)
    given = truth.copy()
    given[flipped] = (given[flipped] + rng.integers(1, 4, 20)) % 4
    folds = make_folds(kind, given, groups=(), digests=[str(number) for number in range(400)], seed=0)
    rows = np.eye(4, dtype=np.float32)[given]
    answers = (probe_answers(features, rows, folds, kind=kind) + neighbor_answers(features, rows, folds)) / 2
    found = find_suspects(answers, given)
    hits = np.isin(found.places, flipped)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    assert hits[: np.flatnonzero(precision >= 0.5)[-1] + 1].sum() >= 14
    np.testing.assert_array_equal(found.given, given[found.places])
    right = found.suggested[hits] == truth[found.places[hits]]
    assert right.mean() > 0.9
    assert (np.diff(found.confidence) >= 0).all()
    assert (found.alternative > found.confidence).all()


def test_labels_that_agree_are_not_suspected():
    given = np.arange(60) % 3
    assert len(find_suspects(0.8 * np.eye(3)[given] + 0.1, given)) == 0
