"""The score of each kind of task as a mean over examples, and the paired bootstrap."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, r2_score

from kzoo.choosing.yardstick import difference, first_shares, merits, resampled, score_name
from kzoo.task_kinds.kind_registry import TASK_KINDS, get_task_kind


@pytest.mark.parametrize("name", list(TASK_KINDS))
def test_the_mean_of_merits_is_the_score(name):
    kind, rng = get_task_kind(name), np.random.default_rng(0)
    rows, outputs = kind.sample(3)
    outputs = outputs[rng.permutation(len(outputs))]
    truth = kind.targets_of(rows)
    wanted = kind.metrics(outputs, truth)[score_name(kind)].value
    assert merits(kind, outputs, truth).mean() == pytest.approx(wanted)


def test_merits_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, outputs = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    found = merits(get_task_kind("classification"), outputs, truth)
    assert found.mean() == pytest.approx(accuracy_score(truth, outputs.argmax(axis=1)))
    values = rng.normal(size=(50, 2)) * [1, 30]
    guesses = values + rng.normal(size=(50, 2)) * [0.5, 20]
    assert merits(get_task_kind("regression"), guesses, values).mean() == pytest.approx(r2_score(values, guesses))


def test_the_share_of_first_places_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 2))
    values[:, 0] += 0.08 - (values[:, 0] - values[:, 1]).mean()
    gap = values[:, 0] - values[:, 1]
    wanted = norm.cdf(gap.mean() / (gap.std() / len(gap) ** 0.5))
    assert first_shares(resampled(values))[0] == pytest.approx(wanted, abs=0.03)


def width_of(means):
    return np.ptp(np.percentile(means, [2.5, 97.5]))


def test_groups_are_drawn_whole():
    """Examples of a group are copies: the interval is as wide as with one of each."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(40, 1))
    copied, groups = np.repeat(once, 25, axis=0), [str(n) for n in range(40) for _ in range(25)]
    widths = [
        np.ptp(np.percentile(resampled(each, groups=g), [2.5, 97.5])) for each, g in ((once, ()), (copied, groups))
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert np.ptp(np.percentile(resampled(copied), [2.5, 97.5])) < widths[0] / 3


def test_a_difference_has_the_interval_of_its_mean():
    gap = np.random.default_rng(0).normal(0.2, 1, 900)
    found = difference(gap, resampled(gap[:, None])[:, 0])
    reach = 1.96 * gap.std() / 30
    assert found.value == pytest.approx(gap.mean())
    assert (found.low, found.high) == pytest.approx((gap.mean() - reach, gap.mean() + reach), abs=0.01)
