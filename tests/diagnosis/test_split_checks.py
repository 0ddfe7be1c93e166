"""Copies and near copies: which leaves, which stays, and what is said of them."""

import numpy as np
import pytest

import kzoo
from kzoo.diagnosis.split_checks import check_copies, check_groups, check_near_copies
from kzoo.diagnosis.usable_examples import UsableExamples
from kzoo.task_kinds.kind_registry import get_task_kind

KIND = get_task_kind(kzoo.Classification.kind)
LABELS = ("cat", "dog")


def examples(splits, *, digests=None, targets=None, groups=None, given=None):
    """Examples a, b, c, ... in some splits: "train test" names one each."""
    splits = splits.split()
    count = len(splits)
    return UsableExamples(
        list("abcdefghij"[:count]),
        list(digests or "0123456789"[:count]),
        [given or split for split in splits],
        splits,
        list(groups or [""] * count),
        np.array(targets or [0] * count),
        np.zeros(count),
    )


def said(findings):
    return [(each.kind, each.names[0], each.like[0], each.detail) for each in findings]


def test_the_training_copy_leaves():
    found = check_copies(examples("test train validation train", digests="xxyx"), LABELS, KIND)
    assert said(found) == [
        ("exact duplicates across splits", "b", "a", "copy of an example of test"),
        ("exact duplicates across splits", "d", "a", "copy of an example of test"),
    ]
    assert [(each.serious, each.suggestion, each.splits) for each in found] == [(True, "remove", ["train"])] * 2


def test_copies_in_one_split_keep_the_first():
    found = check_copies(examples("train train train", digests="xyx"), LABELS, KIND)
    assert said(found) == [("exact duplicates", "c", "a", "")]
    assert not found[0].serious


def test_copies_with_other_labels_contradict():
    found = check_copies(examples("train test", digests="xx", targets=[1, 0]), LABELS, KIND)
    assert said(found) == [
        ("contradictory labels", "a", "b", "copy of an example of test; labelled dog and cat"),
    ]
    assert found[0].suggestion == "check the label"


def test_near_copies_across_splits():
    found = check_near_copies(examples("validation train test"), [(0, 1, 0.99), (1, 2, 0.95)], LABELS, KIND)
    assert said(found) == [
        ("near duplicates across splits", "b", "a", "similarity 0.990; one is in train, one in validation"),
        ("near duplicates across splits", "b", "c", "similarity 0.950; one is in train, one in test"),
    ]
    assert [each.suggestion for each in found] == ["move to the split of a", "move to the split of c"]


def test_splits_that_kzoo_makes_cannot_be_moved_to():
    found = check_near_copies(examples("train test", given="all"), [(0, 1, 0.99)], LABELS, KIND)
    assert found[0].suggestion == "remove"


@pytest.mark.parametrize(
    ("splits", "name", "labelled"),
    [
        ("train train", "near duplicates with different labels", "labelled dog and cat"),
        ("train test", "near duplicates across splits", "labelled cat and dog"),
    ],
)
def test_near_copies_with_other_labels(splits, name, labelled):
    (found,) = check_near_copies(examples(splits, targets=[0, 1]), [(0, 1, 0.97)], LABELS, KIND)
    assert found.kind == name
    assert found.detail.endswith(labelled)
    assert found.suggestion == "check the label"


def test_many_that_are_alike_give_few_findings_and_each_leak():
    made = examples("train " * 6 + "test " * 4)
    pairs = [(i, j, 0.95 if j >= 6 > i else 0.99) for i in range(10) for j in range(i + 1, 10)]
    found = check_near_copies(made, pairs, LABELS, KIND)
    assert len(found) == 9
    assert {each.kind for each in found} == {"near duplicates across splits"}
    assert {name for each in found for name in (*each.names, *each.like)} == set(made.names)


def test_several_labels_and_values_differ_in_their_own_way():
    made = examples("train train")
    rows = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    several = UsableExamples(**{**vars(made), "targets": rows})
    (found,) = check_near_copies(several, [(0, 1, 0.99)], LABELS, get_task_kind(kzoo.MultiLabel.kind))
    assert found.detail == "similarity 0.990; labelled none and cat"
    (found,) = check_near_copies(several, [(0, 1, 0.99)], LABELS, get_task_kind(kzoo.Regression.kind))
    assert found.kind == "near duplicates"


def test_groups_in_several_given_splits():
    made = examples("train train test validation", groups=["ann", "ben", "ann", "cleo"])
    (found,) = check_groups(made)
    assert (found.names, found.splits, found.detail) == (["a"], ["train"], "group ann is in test and train")
    assert found.serious
    assert check_groups(examples("train test", groups=["ann", "ann"], given="all")) == []
