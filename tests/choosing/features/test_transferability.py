"""LogME and the H-score against their definitions."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from kzoo.choosing.features.transferability import MOST_EXAMPLES, decompose, h_score, log_me, transferability


def problem(size, width, seed=0, outputs=3):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(size, width)) * rng.uniform(0.2, 3, width) + 0.5
    logits = features @ rng.normal(size=(width, outputs)) / width**0.5 + rng.normal(size=(size, outputs))
    return features, np.eye(outputs)[logits.argmax(axis=1)]


def brute_force(features, target):
    """The largest log density of a target under N(0, I / beta + F F' / alpha), by a search over alpha and beta."""
    size = len(target)

    def lost(logs):
        covariance = np.eye(size) * np.exp(-logs[1]) + features @ features.T * np.exp(-logs[0])
        return -stats.multivariate_normal(np.zeros(size), covariance).logpdf(target) / size

    starts = [(0.0, 0.0), (2.0, 2.0), (4.0, 1.0)]
    return -min(minimize(lost, start, method="Nelder-Mead", options={"fatol": 1e-10}).fun for start in starts)


@pytest.mark.parametrize(("size", "width"), [(60, 8), (40, 20), (30, 45)])
def test_log_me_is_the_largest_evidence(size, width):
    features, targets = problem(size, width)
    wanted = np.mean([brute_force(features, column) for column in targets.T])
    assert log_me(decompose(features), targets) == pytest.approx(wanted, abs=2e-4)


def direct_h_score(features, classes):
    means = np.stack([features[classes == each].mean(axis=0) for each in classes])
    return np.trace(np.linalg.pinv(np.cov(features.T)) @ np.cov(means.T))


@pytest.mark.parametrize("centre", [0.0, 7.0])
def test_the_h_score_is_the_trace_of_two_covariances(centre):
    features, targets = problem(200, 12)
    features += centre
    wanted = direct_h_score(features, targets.argmax(axis=1))
    assert h_score(decompose(features), targets) == pytest.approx(wanted, rel=1e-6)


def test_features_that_sum_to_a_constant_have_an_h_score():
    features, targets = problem(100, 4)
    features[:, 3] = 1 - features[:, :3].sum(axis=1)
    wanted = direct_h_score(features, targets.argmax(axis=1))
    assert h_score(decompose(features), targets) == pytest.approx(wanted, rel=1e-5)


def test_the_h_score_of_many_features_is_not_the_largest_there_is():
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(100, 300)), np.eye(4)[rng.integers(0, 4, 100)]
    assert transferability(features, targets)[1] < 1.0
    assert h_score(decompose(features), targets) == pytest.approx(3.0)


def test_more_examples_than_are_needed_are_sampled():
    features, targets = problem(MOST_EXAMPLES + 500, 6)
    found, all_of_them = transferability(features, targets), decompose(features)
    assert found[0] == pytest.approx(log_me(all_of_them, targets), abs=0.05)
    assert found[1] == pytest.approx(h_score(all_of_them, targets), abs=0.1)
