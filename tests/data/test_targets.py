"""Targets: labels to numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_class_weight

from kzoo.data.targets import encode, make_labels, weigh_classes
from kzoo.specs.task import Classification, MultiLabel, Regression

CLASSES, SEVERAL, NUMBERS = Classification(None), MultiLabel(None), Regression(None)


@pytest.mark.parametrize(
    ("targets", "labels"),
    [
        (["dog", "cat", " dog "], ["cat", "dog"]),
        ([b"dog", b"cat"], ["cat", "dog"]),
        ([np.bytes_(b"dog"), np.str_("cat")], ["cat", "dog"]),
        ([10, 9, 2], ["2", "9", "10"]),
        (["10", "9", "-2", "x", "1.5"], ["-2", "1.5", "9", "10", "x"]),
        ([1.0, 0.0], ["0", "1"]),
        ([True, False], ["0", "1"]),
        ([None, "", float("nan"), "b", "a"], ["a", "b"]),
        ([pd.NA, "b", "a"], ["a", "b"]),
        (list(np.eye(3)), ["0", "1", "2"]),
        ([np.asarray([1]), np.asarray([0])], ["0", "1"]),
        (["²", "x"], ["x", "²"]),
        (["--1", "x"], ["--1", "x"]),
        (["ä", "日本"], ["ä", "日本"]),
    ],
)
def test_labels_of_classes(targets, labels):
    assert make_labels(targets, task=CLASSES, known=None) == labels


@pytest.mark.parametrize(
    ("targets", "task", "labels"),
    [
        (["b,a", "a", ""], SEVERAL, ["a", "b"]),
        (["b|a,c"], MultiLabel(None, separator="|"), ["a,c", "b"]),
        ([["x", "y"], []], SEVERAL, ["x", "y"]),
        ([{"x"}, {"y"}], SEVERAL, ["x", "y"]),
        ([np.asarray([0, 1, 1])], SEVERAL, ["0", "1", "2"]),
        ([["0", "1"]], SEVERAL, ["0", "1"]),
        ([1.5, 2], NUMBERS, ["value"]),
        (["1.5"], NUMBERS, ["value"]),
        ([(1, 2)], NUMBERS, ["value 0", "value 1"]),
    ],
)
def test_labels_of_other_tasks(targets, task, labels):
    assert make_labels(targets, task=task, known=None) == labels


@pytest.mark.parametrize(
    ("targets", "task", "message"),
    [
        (["cat", "cat"], CLASSES, "Got only 'cat'"),
        ([None, ""], CLASSES, "No example has a label"),
        (["a", "b"], Classification(None, labels=["a", "a"]), "labels must differ"),
        (["", ""], SEVERAL, "No example has a label"),
        ([None, "wide"], NUMBERS, "Regression targets must be numeric; the data contains text, such as 'wide'"),
        (
            ["wide"],
            Regression(None, label="species"),
            "column 'species' contains text, such as 'wide'",
        ),
        ([None, float("nan")], Regression(None, label="x"), "must be numeric; column 'x' contains no numbers"),
        ([0.5, 1.0], CLASSES, "Classification targets must be class names or integers.*0.5.*Pass a kzoo.Regression"),
        ([str(n / 10) for n in range(30)], CLASSES, "Classification targets must be .*kzoo.Regression"),
    ],
)
def test_nothing_to_learn(targets, task, message):
    with pytest.raises(ValueError, match=message):
        make_labels(targets, task=task, known=None)


@pytest.mark.parametrize("targets", [["0.5", "1.5"], [1.0, 2.0], [str(n) for n in range(30)], ["1.5", "b"]])
def test_numbers_that_may_be_classes(targets):
    assert set(make_labels(targets, task=CLASSES, known=None)) == {str(t).removesuffix(".0") for t in targets}


def test_labels_that_are_given_come_before_those_of_the_source():
    task = Classification(None, labels=["z", "y"])
    assert make_labels([0, 1], task=task, known=["a", "b"]) == ["z", "y"]
    assert make_labels([0, 1], task=CLASSES, known=["b", "a"]) == ["b", "a"]


def test_classes_are_encoded_and_what_cannot_be_has_a_reason():
    found = encode(["b", b"a", " a ", None, "", float("nan"), "c"], labels=["a", "b"], task=CLASSES)
    assert found.targets.tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert found.targets.dtype == np.int64
    assert found.reasons == {3: "no label", 4: "no label", 5: "no label", 6: "label 'c' is not in the training data"}


def test_integers_are_positions_among_given_names():
    found = encode([1, 0, 2, -1, np.eye(2)[1]], labels=["x", "y"], task=CLASSES)
    assert found.targets[[0, 1, 4]].tolist() == [1, 0, 1]
    assert sorted(found.reasons) == [2, 3]


def test_integers_are_positions_among_given_names_that_are_numbers():
    task = Classification(None, labels=["3", "1"])
    found = encode([0, 1], labels=["3", "1"], task=task)
    assert found.targets.tolist() == [0, 1]
    assert not found.reasons


def test_several_labels_are_encoded():
    found = encode(["b,a", "", "c", None, [0, 1], [0, 2], [1], ["a"]], labels=["a", "b"], task=SEVERAL)
    assert found.targets[[0, 1, 4, 7]].tolist() == [[1, 1], [0, 0], [0, 1], [1, 0]]
    assert sorted(found.reasons) == [2, 3, 5, 6]
    assert found.reasons[6] == "1 values where 2 are wanted"


def test_numbers_are_encoded():
    found = encode([(1, 2), ("3", "4.5"), (1, float("inf")), (1,), "x"], labels=["u", "v"], task=NUMBERS)
    assert found.targets[:2].tolist() == [[1, 2], [3, 4.5]]
    assert found.targets.dtype == np.float32
    assert sorted(found.reasons) == [2, 3, 4]
    assert not found.targets[2:].any()


def test_balanced_weights_are_those_of_sklearn():
    targets = np.repeat([0, 1, 2], [1, 5, 14])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(weigh_classes("balanced", targets, labels=["a", "b", "c"]), expected, rtol=1e-6)


def test_weights_by_name_are_one_elsewhere():
    assert weigh_classes({"b": 3}, np.asarray([0, 1]), labels=["a", "b"]).tolist() == [1, 3]
    assert weigh_classes(None, np.asarray([0, 1]), labels=["a", "b"]) is None


@pytest.mark.parametrize(
    ("weights", "labels", "expected"),
    [
        ({0: 2.0}, ["0", "1", "2"], [2, 1, 1]),
        ({np.int64(2): 3.0, True: 0.5}, ["0", "1", "2"], [1, 0.5, 3]),
        ({5: 2.0, 3: np.float32(4)}, ["3", "5"], [4, 2]),
        ({1.0: 2.0}, ["0", "1"], [1, 2]),
        ({0: 1.0, 1: 2.0}, ["cat", "dog"], [1, 2]),
        ({False: 3.0, np.uint8(1): 0}, ["cat", "dog"], [3, 0]),
        ({b"dog": 2.0}, ["cat", "dog"], [1, 2]),
    ],
)
def test_weights_by_number_are_those_of_labels_or_of_positions(weights, labels, expected):
    assert weigh_classes(weights, np.asarray([0, 1]), labels=labels).tolist() == expected


def test_a_number_is_no_position_where_labels_are_numbers():
    with pytest.raises(ValueError, match=r"a dict of the labels 3, 5\. Got 0"):
        weigh_classes({0: 2.0}, np.asarray([0, 1]), labels=["3", "5"])


@pytest.mark.parametrize(
    ("weights", "targets", "message"),
    [
        ("balanced", np.zeros((2, 2)), "needs a Classification"),
        ({"c": 1.0}, np.asarray([0, 1]), "a dict of the labels a, b, or of their positions 0 to 1. Got 'c'"),
        ({2: 1.0}, np.asarray([0, 1]), "positions 0 to 1. Got 2"),
        ({-1: 1.0}, np.asarray([0, 1]), "positions 0 to 1. Got -1"),
        ({None: 1.0}, np.asarray([0, 1]), "Got None"),
        ({(1, 0): 1.0}, np.asarray([0, 1]), r"Got \(1, 0\)"),
        ({0: 1.0, "a": 2.0}, np.asarray([0, 1]), "names the label 'a' twice"),
        ({"a": -1.0}, np.asarray([0, 1]), r"must have finite numbers in \[0, inf\). Got -1.0 for 'a'"),
        ({"a": float("nan")}, np.asarray([0, 1]), r"must have finite numbers in \[0, inf\). Got nan"),
        ({"a": float("inf")}, np.asarray([0, 1]), r"must have finite numbers in \[0, inf\). Got inf"),
        ({"a": "much"}, np.asarray([0, 1]), r"must have finite numbers in \[0, inf\). Got 'much'"),
        ({"a": None}, np.asarray([0, 1]), r"must have finite numbers in \[0, inf\). Got None"),
        ({"a": 0, "b": 0}, np.asarray([0, 1]), "must be above 0 for at least one label"),
        ("even", np.asarray([0, 1]), "Got 'even'"),
    ],
)
def test_weights_that_fit_no_task(weights, targets, message):
    with pytest.raises(ValueError, match=message):
        weigh_classes(weights, targets, labels=["a", "b"])
