"""Accuracy against coverage, by brute force; thresholds from validation alone."""

import numpy as np
import pytest

from kzoo.evaluation.abstention import LEAST, TARGETS, choose_threshold, measure_abstention, risk_coverage


def sample(rng, size):
    """Confidences with ties, and hits that are as likely."""
    sure = np.round(rng.uniform(0.5, 1, size), 2)
    return sure, rng.random(size) < sure


def test_the_curve_is_that_of_brute_force():
    sure, hits = sample(np.random.default_rng(0), 200)
    wanted = [
        (threshold, np.mean(sure >= threshold), hits[sure >= threshold].mean()) for threshold in sorted(set(sure))[::-1]
    ]
    np.testing.assert_allclose(np.stack(risk_coverage(sure, hits), axis=1), wanted)


def test_the_threshold_is_the_lowest_that_reaches_the_target():
    sure, hits = sample(np.random.default_rng(1), 300)
    for target in (0.8, 0.9):
        good = [t for t in set(sure) if np.sum(sure >= t) >= LEAST and hits[sure >= t].mean() >= target]
        threshold = choose_threshold(sure, hits, target=target)
        assert np.array_equal(sure >= threshold, sure >= min(good))
        assert threshold == pytest.approx((min(good) + max(t for t in sure if t < min(good))) / 2)
    assert choose_threshold(sure, np.zeros(300, bool), target=0.5) is None


def test_a_few_sure_answers_are_too_few():
    sure = np.linspace(0.5, 1, 100)
    hits = sure > sure[-LEAST]
    assert choose_threshold(sure, hits, target=0.99) is None
    hits[-LEAST] = True
    assert sure[-LEAST - 1] < choose_threshold(sure, hits, target=0.99) < sure[-LEAST]


def test_answers_that_are_hardly_surer_than_others_stay_apart():
    one, other = np.float32(1), np.nextafter(np.float32(1), np.float32(0))
    sure = np.repeat(np.array([one, other], np.float32), 30)
    threshold = choose_threshold(sure, np.arange(60) < 30, target=0.9)
    assert (sure >= threshold).tolist() == (np.arange(60) < 30).tolist()


def test_what_is_chosen_on_validation_is_measured_on_test():
    rng = np.random.default_rng(2)
    validation, (sure, hits) = sample(rng, 2_000), sample(rng, 2_000)
    found = measure_abstention(sure, hits, chosen_on=validation)
    assert [each.target for each in found.points][:3] == [0.8, 0.9, 0.95]
    for each in found.points:
        assert each.threshold == choose_threshold(*validation, target=each.target)
        assert each.coverage.value == pytest.approx(np.mean(sure >= each.threshold))
        assert each.accuracy.value == pytest.approx(hits[sure >= each.threshold].mean())
        assert each.accuracy.value == pytest.approx(each.target, abs=0.04)
    assert set(found.missed) <= {0.97, 0.99}
    assert found.headline == (
        f"answers {found.points[0].coverage.value:.0%} of the data at {found.points[0].accuracy.value:.1%} accuracy"
    )
    assert found.table().notes[0] == "Thresholds were chosen on the validation split."


def test_what_is_reached_without_abstention_is_said():
    sure, hits = np.linspace(0.5, 1, 100), np.ones(100, bool)
    found = measure_abstention(sure, hits, chosen_on=(sure, hits))
    assert (list(found.points), found.reached, found.headline) == ([], list(TARGETS), "")
    assert "Reached without abstention: 80%" in " ".join(found.table().notes)


def test_without_validation_there_is_a_curve_alone():
    sure, hits = sample(np.random.default_rng(3), 50)
    for chosen_on in (None, (sure[: LEAST - 1], hits[: LEAST - 1])):
        found = measure_abstention(sure, hits, chosen_on=chosen_on)
        assert found.coverage[-1] == 1
        assert found.table().rows == []
        assert found.table().notes == ["Thresholds need 20 validation examples or more, so there are none."]


def test_no_test_example_may_be_above_a_threshold():
    validation = np.linspace(0.5, 1, 100), np.linspace(0.5, 1, 100) > 0.7
    found = measure_abstention(np.full(30, 0.5), np.ones(30, bool), chosen_on=validation)
    assert found.points[0].accuracy is None
    assert found.table().rows[0][-1] == "no answers"
