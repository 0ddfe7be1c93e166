"""Classes that are missing or tiny."""

import numpy as np
import pytest

import kzoo
from kzoo.data.examples import Examples
from kzoo.diagnosis.class_checks import check_classes
from kzoo.task_kinds.kind_registry import get_task_kind

LABELS = ("cat", "dog", "owl")


def part(targets):
    return Examples({"image": np.zeros(len(targets))}, targets, [str(n) for n in range(len(targets))])


def exclusive(*counts):
    return part(np.repeat([0, 1, 2], counts))


@pytest.fixture
def check():
    def run(**parts):
        found = check_classes(parts, LABELS, get_task_kind(kzoo.Classification.kind))
        return [(each.kind, each.detail) for each in found]

    return run


def test_large_classes_show_nothing(check):
    assert check(train=exclusive(10, 20, 30), test=exclusive(1, 1, 1)) == []
    assert check() == []


def test_missing_and_tiny_classes(check):
    assert check(train=exclusive(30, 9, 0), validation=exclusive(1, 1, 2), test=exclusive(2, 0, 1)) == [
        ("tiny class", "dog: 9 of 39 training examples"),
        ("class without test examples", "dog"),
        ("class without training examples", "owl: no training example, 3 in other splits"),
    ]


def test_without_a_test_split_none_is_missed(check):
    assert check(train=exclusive(30, 30, 30), test=exclusive(0, 0, 0)) == []
    assert check(train=exclusive(30, 30, 30)) == []


def test_several_labels():
    rows = np.tile(np.eye(3, dtype=np.float32), (10, 1))
    rows[:, 2] = 0
    found = check_classes({"train": part(rows)}, LABELS, get_task_kind(kzoo.MultiLabel.kind))
    assert [each.detail for each in found] == ["owl: no training example, 0 in other splits"]


def test_values_have_no_classes():
    rows = np.zeros((3, 1), np.float32)
    assert check_classes({"train": part(rows)}, ("price",), get_task_kind(kzoo.Regression.kind)) == []
