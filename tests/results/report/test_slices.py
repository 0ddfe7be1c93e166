"""Slices: one that is planted is found, and none is in noise; Holm's correction by hand."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from kzoo.results.report.slices import ALPHA, cut_by, find_slices, holm, slice_table
from kzoo.task_kinds.kind_registry import get_task_kind

KIND = get_task_kind("classification")


def answers(rng, right):
    """Outputs (N, 2) and truth, of which those in `right` are met."""
    truth = rng.integers(0, 2, len(right))
    found = np.where(right, truth, 1 - truth)
    return np.eye(2, dtype=np.float32)[found] * 0.8 + 0.1, truth


def described(rng, size):
    return {
        "brightness": rng.normal(size=size),
        "seconds": rng.gamma(2, size=size),
        "rooms": rng.integers(1, 5, size).astype(float),
        "camera": rng.choice(np.array(["A", "B", "C", ""], dtype=object), size),
        "speaker": rng.choice(np.array(list("abcdefgh"), dtype=object), size),
    }


def slices_of(rng, right, attributes):
    outputs, truth = answers(rng, right)
    return find_slices(KIND, outputs, truth, labels=["yes", "no"], attributes=attributes)


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.02, 0.04, 0.6 times 5, 4, 3, 2, 1; none smaller than the one before it.
    assert holm([0.01, 0.6, 0.005, 0.04, 0.02]) == pytest.approx([0.04, 0.6, 0.025, 0.08, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03, 0.029]) == pytest.approx([0.058, 0.058])
    assert holm([]) == []


def test_a_slice_that_falls_behind_is_found_and_named():
    rng = np.random.default_rng(0)
    attributes = described(rng, 400)
    behind = attributes["camera"] == "B"
    found = slices_of(rng, rng.random(400) < np.where(behind, 0.6, 0.93), attributes)
    assert [each.name for each in found if each.falls_behind] == ["camera: B"]
    first = found[0]
    assert (first.size, first.value) == (int(behind.sum()), "B")
    assert first.score.low < first.score.value < first.score.high < first.rest
    assert slice_table(found, metric="accuracy").rows[0][:2] == ("camera: B", first.size)


def test_noise_is_seldom_named():
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(200):
        attributes = described(rng, 240)
        found = slices_of(rng, rng.random(240) < 0.85, attributes)
        assert len(found) > 15
        named += any(each.falls_behind for each in found)
    assert named / 200 < ALPHA + 0.01


def test_the_p_value_is_fishers():
    rng = np.random.default_rng(2)
    camera = np.array(["A"] * 40 + ["B"] * 60, dtype=object)
    right = np.array([True] * 30 + [False] * 10 + [True] * 55 + [False] * 5)
    first, other = sorted(slices_of(rng, right, {"camera": camera}), key=lambda each: each.attribute)[:2]
    wanted = float(hypergeom.cdf(30, 100, 85, 40))
    assert {first.value: first.p, other.value: other.p}["A"] == pytest.approx(wanted)


def test_small_slices_and_the_same_slice_twice_are_left_out():
    rng = np.random.default_rng(3)
    camera = np.array(["A"] * 9 + ["B"] * 91, dtype=object)
    lens = np.array(["x"] * 50 + ["y"] * 50, dtype=object)
    attributes = {"camera": camera, "lens": lens, "again": lens.copy()}
    found = slices_of(rng, rng.random(100) < 0.8, attributes)
    assert sorted(each.name for each in found if each.attribute != "label") == ["lens: x", "lens: y"]


def test_errors_of_values_are_compared_too():
    rng, kind = np.random.default_rng(4), get_task_kind("regression")
    truth = rng.normal(size=(200, 1)).astype(np.float32)
    loud = np.array(["loud", "quiet"], dtype=object)[rng.integers(0, 2, 200)]
    outputs = truth + rng.normal(size=(200, 1)) * np.where(loud == "loud", 2.0, 0.4)[:, None]
    found = find_slices(kind, outputs, truth, labels=["price"], attributes={"room": loud})
    assert [each.name for each in found if each.falls_behind] == ["room: loud"]
    assert found[0].score.value == pytest.approx(np.abs(outputs - truth)[loud == "loud"].mean())
    assert {each.attribute for each in found} == {"room", "true price"}
    same = find_slices(kind, truth, truth, labels=["price"], attributes={"room": loud})
    assert all(each.p == 1 for each in same)


def test_numbers_are_cut_at_quartiles_and_few_values_are_a_slice_each():
    values = np.array([*range(1, 9), np.nan])
    parts = cut_by("size", values)
    assert [(part, int(mask.sum())) for _, part, mask in parts] == [(f"{a} to {a + 1}", 2) for a in (1, 3, 5, 7)]
    assert not any(mask[-1] for *_, mask in parts)
    assert [part for _, part, _ in cut_by("rooms", np.array([1.0, 2, 2, 3]))] == ["1", "2", "3"]
    assert [part for _, part, _ in cut_by("camera", np.array(["B", "", "A"], dtype=object))] == ["A", "B"]
