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


def test_a_group_goes_whole_where_another_data_set_has_a_part_of_it():
    frame = pd.DataFrame({"text": texts(), "who": [f"p{number // 5}" for number in range(SIZE)], "m": ["u", "d"] * 45})
    other = pd.DataFrame({"text": texts(SIZE, 60), "who": [f"q{n // 10}" for n in range(SIZE)], "t": ["x", "y"] * 45})
    tasks = {
        "mood": kzoo.Classification(frame, label="m", groups="who"),
        "topic": kzoo.Classification(other, label="t", groups="who"),
    }
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    parts = [getattr(splits, part) for part in PARTS]
    digests = [set(part.digests) for part in parts]
    assert not digests[0] & digests[1] | digests[0] & digests[2] | digests[1] & digests[2]
    side: dict[str, set[int]] = {}
    for number, part in enumerate(parts):
        for text in part.columns["text"]:
            if int(text.split()[1]) >= 60:
                side.setdefault(f"q{(int(text.split()[1]) - 60) // 10}", set()).add(number)
    set_aside = {name for name, why in splits.audit.set_aside if "several splits" in why}
    mixed = [group for group, sides in side.items() if len(sides) > 1]
    # Only what the first data set has itself may part a group of the second.
    assert set(mixed) <= {"q0", "q1", "q2"}
    assert all(len(sides) == 1 for group, sides in side.items() if group not in mixed)
    assert bool(set_aside) <= bool(mixed)


def test_inputs_of_two_forms_are_refused():
    arrays = np.zeros((40, 8, 8, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    larger = np.zeros((40, 9, 9, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    labels = ["a", "b"] * 20
    tasks = {"one": kzoo.Classification((arrays, labels)), "two": kzoo.Classification((larger, labels))}
    with pytest.raises(ValueError, match=r"must hold their inputs in one form"):
        read_jointly(kzoo.MultiTask(tasks), "image")
