"""Which example of several data sets goes to which split."""

import numpy as np
import pandas as pd
import pytest

import kzoo
from kzoo.data.tasks.joint_reading import read_jointly
from kzoo.specs.records.seen import Seen

SIZE = 90
PARTS = ("train", "validation", "test")


def texts(size=SIZE, start=0):
    return [f"text {number}" for number in range(start, start + size)]


def test_classes_are_spread_over_the_splits():
    numbers = np.arange(900)
    classes = [None if number % 10 == 0 else "abc"[number % 3] for number in numbers]
    frame = pd.DataFrame({"text": texts(900), "kind": classes, "price": numbers / 10})
    tasks = {"kind": kzoo.Classification(frame, label="kind"), "price": kzoo.Regression(frame, label="price")}
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    for part in PARTS:
        found = np.nansum(getattr(splits, part).targets[:, :3], axis=0)
        assert found.max() - found.min() <= 0.1 * found.sum()


def two_sets(overlap=30):
    moods = texts(), ["up" if number % 2 else "down" for number in range(SIZE)]
    topics = texts(SIZE, SIZE - overlap), ["x" if number % 3 else "y" for number in range(SIZE)]
    return kzoo.MultiTask({"mood": kzoo.Classification(moods), "topic": kzoo.Classification(topics)})


def test_content_of_two_data_sets_is_one_example_in_one_split():
    splits, _ = read_jointly(two_sets(), "text")
    parts = [getattr(splits, part) for part in PARTS]
    assert sum(map(len, parts)) == 2 * SIZE - 30
    names = [set(part.columns["text"]) for part in parts]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    for part in parts:
        for text, row in zip(part.columns["text"], part.targets, strict=True):
            number = int(text.split()[1])
            assert np.isnan(row[:2]).all() == (number >= SIZE)
            assert np.isnan(row[2:]).all() == (number < SIZE - 30)
    assert all(len(part) >= 12 for part in parts[1:])


def test_a_given_test_split_of_one_data_set_holds_for_the_other():
    given = {"train": (texts(60), ["u", "d"] * 30), "test": (texts(20, 60), ["u", "d"] * 10)}
    topics = texts(40, 50), ["x", "y"] * 20
    tasks = {"mood": kzoo.Classification(given), "topic": kzoo.Classification(topics)}
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    test = set(splits.test.columns["text"])
    assert {f"text {number}" for number in range(60, 80)} <= test
    assert not test & {*splits.train.columns["text"], *splits.validation.columns["text"]}
    shared = [
        row for text, row in zip(splits.test.columns["text"], splits.test.targets, strict=True) if text == "text 65"
    ]
    assert not np.isnan(shared[0]).any()


def test_copies_in_both_data_sets_are_paired():
    first = ["same", "same", *texts(40)], ["u", "u", *["u", "d"] * 20]
    second = ["same", *texts(40, 100)], ["x", *["x", "y"] * 20]
    tasks = {"mood": kzoo.Classification(first), "topic": kzoo.Classification(second)}
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    rows = [
        row
        for part in PARTS
        for text, row in zip(getattr(splits, part).columns["text"], getattr(splits, part).targets, strict=True)
        if text == "same"
    ]
    assert sorted(int(np.isnan(row).sum()) for row in rows) == [0, 2]


def test_what_the_start_weights_have_seen_is_not_tested_on():
    plain, _ = read_jointly(two_sets(), "text")
    seen = Seen.of(trained=plain.test.digests)
    splits, _ = read_jointly(two_sets(), "text", seen=seen)
    assert not set(plain.test.digests) & set(splits.test.digests)
    assert set(plain.test.digests) <= set(splits.train.digests)


def test_a_given_test_split_of_the_second_data_set_holds_for_the_first():
    moods = texts(60), ["u", "d"] * 30
    given = {"train": (texts(40, 100), ["x", "y"] * 20), "test": (texts(20, 40), ["x", "y"] * 10)}
    tasks = {"mood": kzoo.Classification(moods), "topic": kzoo.Classification(given)}
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    official = {f"text {number}" for number in range(40, 60)}
    assert official <= set(splits.test.columns["text"])
    assert not official & {*splits.train.columns["text"], *splits.validation.columns["text"]}


def test_inputs_of_two_forms_are_refused():
    arrays = np.zeros((40, 8, 8, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    larger = np.zeros((40, 9, 9, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    labels = ["a", "b"] * 20
    tasks = {"one": kzoo.Classification((arrays, labels)), "two": kzoo.Classification((larger, labels))}
    with pytest.raises(ValueError, match=r"must hold their inputs in one form"):
        read_jointly(kzoo.MultiTask(tasks), "image")


def sets_of(splits):
    """The digests of each part."""
    return [set(getattr(splits, part).digests) for part in PARTS]


def assert_disjoint(splits):
    train, validation, test = sets_of(splits)
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_what_groups_of_two_data_sets_connect_is_in_one_split():
    """The first has groups g, the second groups k over the same texts, and groups q that reach into both."""
    first = pd.DataFrame({"text": texts(), "who": [f"g{number // 5}" for number in range(SIZE)], "m": ["u", "d"] * 45})
    numbers = np.arange(60, 60 + SIZE)
    second = pd.DataFrame({"text": texts(SIZE, 60), "who": [f"q{number // 7}" for number in numbers]})
    second["t"] = ["x", "y"] * 45
    again = pd.DataFrame({"text": texts(20), "who": [f"k{number // 3}" for number in range(20)], "t": ["x", "y"] * 10})
    tasks = {
        "mood": kzoo.Classification(first, label="m", groups="who"),
        "topic": kzoo.Classification(pd.concat([second, again]), label="t", groups="who"),
    }
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    assert_disjoint(splits)
    assert not splits.audit.set_aside
    sides: dict[str, set[str]] = {}
    for part in PARTS:
        for text in getattr(splits, part).columns["text"]:
            number = int(text.split()[1])
            marks = [f"g{number // 5}"] * (number < SIZE) + [f"q{number // 7}"] * (number >= 60)
            for mark in marks + [f"k{number // 3}"] * (number < 20):
                sides.setdefault(mark, set()).add(part)
    assert all(len(found) == 1 for found in sides.values()), sides
    assert all(len(part) for part in sets_of(splits))
    assert {group[0] for group in splits.train.groups} == {"g", "q"}


@pytest.mark.parametrize("first", [True, False])
def test_one_data_set_may_have_groups_and_the_other_none(first):
    frame = pd.DataFrame({"text": texts(), "who": [f"g{number // 5}" for number in range(SIZE)], "m": ["u", "d"] * 45})
    tasks = {
        "mood": kzoo.Classification(frame, label="m", groups="who"),
        "topic": kzoo.Classification((texts(SIZE, 60), ["x", "y"] * 45)),
    }
    splits, _ = read_jointly(kzoo.MultiTask(tasks if first else dict(reversed(tasks.items()))), "text")
    assert_disjoint(splits)
    for part in PARTS:
        assert len(getattr(splits, part).groups) == len(getattr(splits, part)) > 0
    groups = [{group for group in getattr(splits, part).groups if group.startswith("g")} for part in PARTS]
    assert not groups[0] & groups[2] | groups[0] & groups[1] | groups[1] & groups[2]


def test_groups_that_are_named_are_held_out():
    frame = pd.DataFrame({"text": texts(), "who": [f"g{number // 10}" for number in range(SIZE)], "m": ["u", "d"] * 45})
    other = texts(SIZE, SIZE), ["x", "y"] * 45
    tasks = {
        "mood": kzoo.Classification(frame, label="m", groups="who", test=["g3"]),
        "topic": kzoo.Classification(other),
    }
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    assert {f"text {number}" for number in range(30, 40)} <= set(splits.test.columns["text"])
    assert {group for group in splits.test.groups if group.startswith("g")} == {"g3"}


def test_classes_of_a_second_data_set_are_spread_too():
    moods = texts(200), ["u", "d"] * 100
    many = texts(200, 500), [f"class {number % 20}" for number in range(200)]
    tasks = {"mood": kzoo.Classification(moods), "topic": kzoo.Classification(many)}
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    for part, least in (("train", 7), ("validation", 1), ("test", 1)):
        assert (np.nansum(getattr(splits, part).targets[:, 2:], axis=0) >= least).all(), part


def test_weights_that_have_seen_an_example_are_not_tested_on_it_by_its_group():
    frame = pd.DataFrame({"text": texts(), "who": [f"g{number // 5}" for number in range(SIZE)], "m": ["u", "d"] * 45})
    other = pd.DataFrame({"text": texts(SIZE, 200), "who": [f"g{number // 5}" for number in range(SIZE)]})
    other["t"] = ["x", "y"] * 45
    tasks = {
        "mood": kzoo.Classification(frame, label="m", groups="who"),
        "topic": kzoo.Classification(other, label="t", groups="who"),
    }
    plain, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    late = [digest for digest, row in zip(plain.test.digests, plain.test.targets, strict=True) if np.isnan(row[0])]
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text", seen=Seen.of(trained=late[:3]))
    assert len(late) > 3
    assert not set(late[:3]) & set(splits.test.digests)
