"""Sizes of splits: shares, and numbers of examples, by class."""

import numpy as np
import pytest

from kzoo.specs.split_sizes import is_count, refuse_all_held_out, wanted_contents


@pytest.mark.parametrize(
    ("size", "wanted"), [(1, True), (np.int32(7), True), (0, False), (0.5, False), (True, False), (["ann"], False)]
)
def test_a_count_is_an_int_above_0(size, wanted):
    assert is_count(size) is wanted


@pytest.mark.parametrize(
    ("count", "strata", "wanted"),
    [
        (10, [100, 100, 100], [4, 3, 3]),
        (30, [200, 90, 10], [20, 9, 1]),
        (30, [2000, 1000, 4], [19, 10, 1]),
        (2, [2000, 1000, 4], [1, 1, 0]),
        (9, [6, 3, 1], [5, 2, 0]),
    ],
    ids=["equal classes", "shares", "a rare class gives one", "fewer than classes", "each class keeps one"],
)
def test_a_count_is_dealt_to_classes_by_their_sizes(count, strata, wanted):
    found = wanted_contents({"test": count}, np.array(strata), examples=sum(strata))
    assert found["test"].tolist() == wanted


def test_a_count_is_one_of_examples_where_there_are_copies():
    """100 examples of 50 contents: 20 examples are 10 contents."""
    assert wanted_contents({"test": 20}, np.array([25, 25]), examples=100)["test"].tolist() == [5, 5]


def test_a_share_takes_one_of_a_small_class_that_can_spare_it():
    found = wanted_contents({"test": 0.1, "validation": 0.2}, np.array([100, 4, 3, 2]), examples=109)
    assert found["test"].tolist() == [10, 1, 1, 0]
    assert found["validation"].tolist() == [20, 1, 1, 0]


@pytest.mark.parametrize("sizes", [{"test": 10}, {"test": 5, "validation": 0.5}, {"test": 4, "validation": 6}])
def test_something_is_left_to_train_on(sizes):
    with pytest.raises(ValueError, match=r"test=.* leave no training examples: the data has 10 examples"):
        refuse_all_held_out(sizes, 10)
    refuse_all_held_out(sizes, 11)
