"""The temperature that is found is the best one, and any logits are survived."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.temperature import cautious_sharpness, scaled

RNG = np.random.default_rng(0)
CLASSES = np.eye(4)[RNG.integers(0, 4, 200)]
LABELS = RNG.integers(0, 2, (200, 4)).astype(float)


def class_loss(logits):
    return -(CLASSES * log_softmax(logits, axis=1)).sum(axis=1).mean()


def label_loss(logits):
    shares = np.clip(expit(logits), 1e-300, 1 - 1e-16)
    return -(LABELS * np.log(shares) + (1 - LABELS) * np.log(1 - shares)).mean()


@pytest.mark.parametrize("size", [0.3, 1.0, 30.0, 1e6])
@pytest.mark.parametrize(("kind", "targets", "loss"), [(CLASSIFICATION, CLASSES, class_loss)])
def test_no_other_number_gives_a_lower_loss(kind, targets, loss, size):
    check(kind, targets, loss, size)


@pytest.mark.parametrize("size", [0.3, 1.0, 10.0])
def test_nor_of_several_labels(size):
    check(MULTI_LABEL, LABELS, label_loss, size)


def check(kind, targets, loss, size):
    logits = size * (RNG.normal(size=(200, 4)) + targets)
    best = minimize_scalar(lambda e: loss(np.exp(e) * logits), bounds=(-20, np.log(5)), method="bounded").fun
    assert loss(scaled(logits, targets, kind=kind)) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("size", [1e-12, 1e20])
@pytest.mark.parametrize(
    ("kind", "targets", "guess"), [(CLASSIFICATION, CLASSES, np.log(4)), (MULTI_LABEL, LABELS, np.log(2))]
)
def test_the_loss_is_never_above_that_of_a_guess(kind, targets, guess, size):
    loss = class_loss if kind is CLASSIFICATION else label_loss
    wrong = -size * (RNG.normal(size=(200, 4)) + 3 * targets)
    assert loss(scaled(wrong, targets, kind=kind)) <= guess + 1e-9


def test_where_all_are_right_logits_become_five_times_as_large():
    np.testing.assert_allclose(scaled(CLASSES, CLASSES, kind=CLASSIFICATION), 5 * CLASSES)


def test_values_of_a_regression_stay():
    np.testing.assert_array_equal(scaled(LABELS - 7, LABELS, kind=REGRESSION), LABELS - 7)


def test_few_right_answers_are_not_proof():
    """Of logits that are all alike, the best probability is the share of right answers as Platt smoothes it."""
    targets = np.eye(2)[[0, 1] * 4]
    factor = cautious_sharpness(10 * targets, targets, kind=CLASSIFICATION)
    assert expit(10 * factor) == pytest.approx(1 - 1 / 10, abs=1e-3)
    signs = 2 * LABELS - 1
    factor = cautious_sharpness(10 * signs, LABELS, kind=MULTI_LABEL)
    assert expit(10 * factor) == pytest.approx(1 - 1 / 202, abs=1e-3)
