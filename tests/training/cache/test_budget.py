"""Where activations are held, by what they take and what there is."""

import dataclasses

import numpy as np
import pytest

from kzoo.specs.phases import LinearProbe, Phase
from kzoo.training.cache.budget import (
    CacheLimits,
    CachePlan,
    CacheRequest,
    memory_budget,
    narrow,
    plan_cache,
    requests,
)

PHASE = Phase("last:1", epochs=5, augmentation="light", views=3)
SIZES = {"size": 100, "train": 10, "validation": 4}
FULL = 100 * (3 * 10 + 4)
"""Numbers of all three views and of validation; of two and of one it is 2400 and 1400."""


@pytest.mark.parametrize(
    ("limits", "holding"),
    [
        (CacheLimits(4 * FULL, 0), CachePlan("memory", 3)),
        (CacheLimits(4 * FULL, 9 * FULL), CachePlan("memory", 3)),
        (CacheLimits(4 * FULL - 1, 0), CachePlan("memory", 3, "float16")),
        (CacheLimits(2 * FULL, 0), CachePlan("memory", 3, "float16")),
        (CacheLimits(2 * FULL - 1, 2 * FULL), CachePlan("disk", 3, "float16")),
        (CacheLimits(2 * FULL - 1, 2 * FULL - 1), CachePlan("memory", 2, "float16")),
        (CacheLimits(4 * 1400, 0), CachePlan("memory", 2, "float16")),
        (CacheLimits(2 * 2400 - 1, 0), CachePlan("memory", 1, "float16")),
        (CacheLimits(0, 2 * 1400), CachePlan("disk", 1, "float16")),
        (CacheLimits(2 * 1400 - 1, 2 * 1400 - 1), CachePlan("nowhere", 3)),
        (CacheLimits(0, 0), CachePlan("nowhere", 3)),
        (CacheLimits(4 * FULL - 1, 4 * FULL, half=False), CachePlan("disk", 3)),
        (CacheLimits(4 * FULL - 1, 4 * FULL - 1, half=False), CachePlan("memory", 2)),
        (CacheLimits(0, 4 * 1400 - 1, half=False), CachePlan("nowhere", 3)),
    ],
)
def test_memory_comes_before_the_disk_and_more_views_before_fewer(limits, holding):
    assert plan_cache(PHASE, limits=limits, **SIZES) == holding


def test_without_a_bound_there_is_a_view_an_epoch_or_as_many_as_fit():
    free = Phase("last:1", epochs=5, augmentation="light")
    counts = {views: 100 * (10 * views + 4) for views in (4, 5)}
    assert plan_cache(free, limits=CacheLimits(4 * counts[5], 0), **SIZES) == CachePlan("memory", 5)
    assert plan_cache(free, limits=CacheLimits(0, 2 * counts[5]), **SIZES) == CachePlan("disk", 5, "float16")
    assert plan_cache(free, limits=CacheLimits(2 * counts[4], 0), **SIZES) == CachePlan("memory", 4, "float16")
    assert plan_cache(free, limits=CacheLimits(0, 0), **SIZES) == CachePlan("nowhere", 5)


@pytest.mark.parametrize(
    ("limits", "holding"),
    [
        (CacheLimits(200_000, 0), CachePlan("memory", 3, "float16", "bfloat16")),
        (CacheLimits(121_600, 0), CachePlan("memory", 3, "float16", "bfloat16")),
        (CacheLimits(121_599, 121_600), CachePlan("disk", 3, "float16", "bfloat16")),
        (CacheLimits(121_599, 0), CachePlan("memory", 2, "float16", "bfloat16")),
        (CacheLimits(1 << 20, 0, half=False), CachePlan("memory", 3, "float32", "bfloat16")),
    ],
)
def test_in_bfloat16_training_takes_half_and_validation_stays_exact(limits, holding):
    limits = dataclasses.replace(limits, bfloat16=True)
    assert plan_cache(PHASE, size=100, train=200, validation=4, limits=limits) == holding
    wanted = requests(PHASE, "stage2", holding)
    assert {(each.dtype, each.precision) for each in wanted if each.split == "train"} == {(holding.dtype, "bfloat16")}
    assert [(each.dtype, each.precision) for each in wanted if each.split == "validation"] == [("float32", "float32")]


def test_few_examples_are_computed_exactly():
    limits, probe = CacheLimits(1 << 30, 0, bfloat16=True), LinearProbe()
    assert plan_cache(probe, size=1, train=199, validation=4, limits=limits) == CachePlan("memory", 1)
    assert plan_cache(probe, size=1, train=200, validation=4, limits=limits) == CachePlan(
        "memory", 1, "float16", "bfloat16"
    )


def test_a_probe_is_always_in_memory():
    probe = LinearProbe()
    assert plan_cache(probe, limits=CacheLimits(0, 0), **SIZES) == CachePlan("memory", 1)


def test_where_nothing_is_frozen_nothing_is_held():
    assert plan_cache(PHASE, size=0, train=10, validation=4, limits=CacheLimits(1 << 40, 1 << 40)) == CachePlan(
        "nowhere", 3
    )


@pytest.mark.parametrize(
    ("options", "views"),
    [({"augmentation": "none"}, 1), ({"epochs": 2}, 2), ({}, 3), ({"views": None}, 5)],
)
def test_there_are_no_more_views_than_epochs(options, views):
    options = {"train": "last:1", "epochs": 5, "augmentation": "light", "views": 3} | options
    assert Phase(**options).most_views == views


def test_a_phase_asks_for_each_view_and_for_validation_as_it_is():
    found = requests(PHASE, "stage2", CachePlan("disk", 2, "float16"))
    assert found == [
        CacheRequest("stage2", "train", "light", 0, "float16", "disk"),
        CacheRequest("stage2", "train", "light", 1, "float16", "disk"),
        CacheRequest("stage2", "validation", "none", 0, "float16", "disk"),
    ]
    assert requests(PHASE, "stage2", CachePlan("nowhere", 2)) == []


def test_a_probe_is_solved_on_what_is_not_augmented():
    found = requests(LinearProbe(), "head", CachePlan("memory", 1))
    assert [each.augmentation for each in found] == ["none", "none"]


def test_activations_are_narrowed_to_the_nearest_float16():
    values = np.array([[1.0, -1 / 3], [65504.0, 1e-9]], np.float32)
    found = narrow(values, "float16")
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, values.astype(np.float16))
    assert narrow(values, "float32") is values


def test_whole_numbers_are_left_as_they_are():
    values = np.array([70_000], np.int64)
    assert narrow(values, "float16") is values


@pytest.mark.parametrize("value", [65_520.0, -1e9])
def test_what_is_beyond_float16_is_refused(value):
    with pytest.raises(OverflowError, match="too large for float16"):
        narrow(np.array([1.0, value], np.float32), "float16")


def test_what_was_infinite_before_is_not_refused():
    assert np.isinf(narrow(np.array([np.inf], np.float32), "float16")).all()


def test_the_budget_is_some_of_the_free_memory():
    assert 0 < memory_budget() < 1 << 45
