"""Reliability against NumPy, and its interval against samples whose error is known."""

import numpy as np
import pytest

from kzoo.results.report.reliability import BINS, measure_reliability
from kzoo.task_kinds.kind_registry import get_task_kind

KIND = get_task_kind("classification")


def two_classes(sure, hits):
    """Outputs (N, 2) whose answer has the probability `sure`, and the truth."""
    return np.stack([sure, 1 - sure], axis=1), np.where(hits, 0, 1)


def calibration_error(sure, hits):
    """Ten lines of NumPy: the mean distance of confidence and accuracy over bins of equal width."""
    total = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        chosen = (sure > low) & (sure <= high) if number else sure <= high
        if chosen.any():
            total += chosen.sum() * abs(sure[chosen].mean() - hits[chosen].mean())
    return total / len(sure)


def draw(rng, size, power=1.0):
    """Probabilities of 0.5 to 1, and hits whose true probability is theirs to a power: above 1 is overconfident."""
    sure = rng.uniform(0.5, 1, size)
    return sure, rng.random(size) < sure**power


def test_the_error_is_numpys():
    sure, hits = draw(np.random.default_rng(0), 500, power=1.6)
    found = measure_reliability(KIND, *two_classes(sure, hits))
    assert found.ece.value == pytest.approx(calibration_error(sure, hits))
    assert found.excess.value == pytest.approx(sure.mean() - hits.mean())
    assert sum(each.count for each in found.bins) == 500
    assert found.verdict.startswith("Overconfident")


def test_exact_probabilities_are_not_called_wrong():
    rng, said = np.random.default_rng(1), []
    for _ in range(60):
        found = measure_reliability(KIND, *two_classes(*draw(rng, 300)))
        said.append(found.verdict.startswith("The probabilities cannot be told"))
        assert 0 <= found.ece.low <= found.ece.value <= found.ece.high
    assert np.mean(said) >= 0.85


def test_probabilities_that_are_too_low_are_called_so():
    found = measure_reliability(KIND, *two_classes(*draw(np.random.default_rng(2), 500, power=0.3)))
    assert found.verdict.startswith("Underconfident")


@pytest.mark.parametrize("power", [1.0, 1.15, 1.6])
def test_the_interval_holds_the_true_error(power):
    rng, held = np.random.default_rng(3), []
    fine = np.linspace(0.5, 1, 200_001)
    edges = np.minimum((np.ceil(fine * BINS) - 1).astype(int), BINS - 1)
    true = sum(abs((fine - fine**power)[edges == place].sum()) for place in np.unique(edges)) / len(fine)
    for _ in range(40):
        ece = measure_reliability(KIND, *two_classes(*draw(rng, 300, power=power))).ece
        held.append(ece.low <= true <= ece.high)
    assert np.mean(held) >= 0.9


def test_each_label_of_several_counts():
    rng, kind = np.random.default_rng(4), get_task_kind("multi_label")
    outputs = rng.random((300, 3))
    truth = (rng.random((300, 3)) < outputs).astype(np.float32)
    found = measure_reliability(kind, outputs, truth)
    assert sum(each.count for each in found.bins) == 900
    assert found.ece.value == pytest.approx(calibration_error(outputs.ravel(), truth.ravel()))
    assert found.ece.value <= found.chance


def test_groups_make_the_interval_wider():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(10), 40)
    sure = np.full(400, 0.8)
    hits = rng.random(400) < np.where(groups % 2, 0.95, 0.45)
    alone, grouped = (
        measure_reliability(KIND, *two_classes(sure, hits), groups=each) for each in ((), [str(g) for g in groups])
    )
    assert grouped.excess.high - grouped.excess.low > 2 * (alone.excess.high - alone.excess.low)


def test_values_have_none():
    assert measure_reliability(get_task_kind("regression"), np.zeros((4, 1)), np.zeros((4, 1))) is None
