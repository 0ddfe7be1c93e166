"""The data of several tasks as one."""

import numpy as np
import pandas as pd
import pytest

import kzoo
from kzoo.data.sources import reading
from kzoo.data.tasks.joint_reading import own_splits, read_any, read_jointly

SIZE = 90
PARTS = ("train", "validation", "test")


def texts(size=SIZE, start=0):
    return [f"text {number}" for number in range(start, start + size)]


def table(size=SIZE):
    numbers = np.arange(size)
    frame = pd.DataFrame({"text": texts(size), "kind": np.asarray(["a", "b", "c"], object)[numbers % 3]})
    frame["price"] = numbers.astype(object) / 10
    frame.loc[:9, "price"] = None
    frame.loc[5:19, "kind"] = None
    return frame


def both(frame, **options):
    kind, price = kzoo.Classification(frame, label="kind", **options), kzoo.Regression(frame, label="price", **options)
    return kzoo.MultiTask({"kind": kind, "price": price})


def test_the_targets_of_one_table_are_side_by_side_and_missing_ones_are_no_zeros():
    splits, kind = read_jointly(both(table()), "text")
    assert kind.name == "several tasks: kind classification 3, price regression 1"
    assert splits.labels == ["kind: a", "kind: b", "kind: c", "price: value"]
    parts = [getattr(splits, part) for part in PARTS]
    assert sum(map(len, parts)) == SIZE - 5
    for part in parts:
        for text, row in zip(part.columns["text"], part.targets, strict=True):
            number = int(text.split()[1])
            has_kind, has_price = not 5 <= number < 20, number >= 10
            assert np.isnan(row[:3]).all() == (not has_kind)
            assert np.isnan(row[3]) == (not has_price)
            assert not has_kind or row[number % 3] == 1
            assert not has_price or row[3] == np.float32(number / 10)
    assert [why for _, why in splits.audit.set_aside] == ["no label"] * 5
    counts = {
        name: [int((~np.isnan(part.targets[:, at])).sum()) for part in parts]
        for name, at in [("kind", 0), ("price", 3)]
    }
    for name, (train, validation, test) in counts.items():
        assert (
            f"{name}: {train} train, {validation} validation, {test} test examples have a target" in splits.audit.notes
        )
    assert sum(counts["kind"]) == SIZE - 15
    assert sum(counts["price"]) == SIZE - 10


def test_one_table_is_read_once(monkeypatch, tmp_path):
    path = tmp_path / "data.csv"
    table().to_csv(path, index=False)
    count = []
    plain = reading.read_data
    monkeypatch.setattr(reading, "read_data", lambda *given: count.append(given) or plain(*given))
    read_jointly(both(path), "text")
    assert len(count) == 1


def test_targets_of_rows_are_no_inputs():
    frame = pd.DataFrame({"x": np.arange(60.0), "kind": ["a", "b"] * 30, "price": np.arange(60.0) * 2})
    splits, _ = read_jointly(both(frame), "row")
    (column,) = splits.train.columns.values()
    assert "price" not in str(column[0])
    assert "kind" not in str(column[0])


def test_several_columns_are_one_target():
    frame = table()
    frame[["old", "new"]] = np.arange(SIZE)[:, None] % [2, 3] == 0
    frame[["old", "new"]] = frame[["old", "new"]].astype(int)
    tasks = {"kind": kzoo.Classification(frame, label="kind"), "tags": kzoo.MultiLabel(frame, label=["old", "new"])}
    splits, kind = read_jointly(kzoo.MultiTask(tasks), "text")
    assert splits.labels[3:] == ["tags: old", "tags: new"]
    for text, row in zip(splits.train.columns["text"], splits.train.targets, strict=True):
        number = int(text.split()[1])
        assert row[3:].tolist() == [number % 2 == 0, number % 3 == 0]
    assert own_splits(splits, kind.parts[1], ["old", "new"]).train.targets.shape[1] == 2


def test_groups_stay_together():
    frame = table()
    frame["who"] = [f"p{number // 5}" for number in range(SIZE)]
    splits, _ = read_jointly(both(frame, groups="who"), "text")
    groups = [set(getattr(splits, part).groups) for part in PARTS]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_the_splits_of_one_task_have_its_targets_alone():
    splits, kind = read_jointly(both(table()), "text")
    own = own_splits(splits, kind.parts[0], ["a", "b", "c"])
    assert own.train.targets.dtype == np.int64
    assert [int(text.split()[1]) % 3 for text in own.train.columns["text"]] == own.train.targets.tolist()
    assert own_splits(splits, kind.parts[1], ["value"]).train.targets.dtype == np.float32


def test_one_task_is_read_as_ever():
    splits, kind = read_any(kzoo.Classification((texts(), ["a", "b"] * 45)), "text")
    assert kind.name == "classification"
    assert splits.train.targets.dtype == np.int64


def test_contradictions_and_unknown_labels_cost_their_own_target():
    frame = table()
    frame = pd.concat([frame, pd.DataFrame({"text": ["text 50"], "kind": ["a"], "price": [5.0]})])
    assert 50 % 3 != 0
    splits, _ = read_jointly(both(frame), "text")
    rows = [
        row
        for part in PARTS
        for text, row in zip(getattr(splits, part).columns["text"], getattr(splits, part).targets, strict=True)
        if text == "text 50"
    ]
    assert len(rows) == 2
    assert all(np.isnan(row[:3]).all() and row[3] == 5.0 for row in rows)


def test_strict_refuses_examples_without_any_target():
    with pytest.raises(ValueError, match=r"strict=True refuses dirty data. 5 examples"):
        read_jointly(both(table(), strict=True), "text")


def test_a_task_without_examples_in_a_split_is_named():
    frame = table()
    frame["price"] = None
    frame.loc[SIZE - 1, "price"] = 1.0
    with pytest.raises(ValueError, match=r"Task 'price': The .* split is empty"):
        read_jointly(both(frame), "text")


def test_wrong_targets_are_named_and_missing_ones_are_not():
    frame = table()
    frame.loc[40:42, "price"] = "dear"
    splits, _ = read_jointly(both(frame), "text")
    (note,) = [note for note in splits.audit.notes if note.startswith("price: targets")]
    assert "3 set aside: no target (row 42: text 40" in note
    with pytest.raises(ValueError, match=r"Task 'price' has targets that cannot be used"):
        read_jointly(both(frame, strict=True), "text")


def test_other_columns_stay_for_slices():
    frame = table()
    frame["city"] = ["Rome", "Oslo"] * 45
    splits, _ = read_jointly(both(frame), "text")
    for text, city in zip(splits.train.columns["text"], splits.train.attributes["city"], strict=True):
        assert city == ["Rome", "Oslo"][int(text.split()[1]) % 2]


def test_a_blank_cell_is_no_target_also_where_a_text_may_hold_no_label(tmp_path):
    frame = table()
    frame["tags"] = ["old,new", "old"] * 45
    frame.loc[::5, "tags"] = None
    frame.to_csv(tmp_path / "a.csv", index=False)
    for data in (frame, tmp_path / "a.csv"):
        tasks = {"kind": kzoo.Classification(data, label="kind"), "tags": kzoo.MultiLabel(data, label="tags")}
        splits, kind = read_jointly(kzoo.MultiTask(tasks), "text")
        counts = sum(int(kind.parts[1].known(getattr(splits, part).targets).sum()) for part in PARTS)
        assert counts == SIZE - 18


def test_a_label_without_training_examples_is_told_and_strict_refuses_it():
    given = {"train": (texts(40), ["x", "y"] * 20), "validation": (texts(8, 40), ["x", "y"] * 4)}
    given["test"] = (texts(8, 60), ["x", "y"] * 4)
    moods = texts(60, 100), ["u", "d"] * 30

    def tasks(**options):
        topic = kzoo.Classification(given, labels=["x", "y", "z"], **options)
        return kzoo.MultiTask({"mood": kzoo.Classification(moods), "topic": topic})

    splits, _ = read_jointly(tasks(), "text")
    assert splits.audit.notes[0].startswith("WARNING: topic: no training example has the label z")
    with pytest.raises(ValueError, match=r"Task 'topic': strict=True refuses classes without training examples"):
        read_jointly(tasks(strict=True), "text")


def test_a_split_that_a_task_does_not_want_is_noted():
    tasks = {
        "mood": kzoo.Classification((texts(), ["u", "d"] * 45)),
        "topic": kzoo.Classification((texts(SIZE, 200), ["x", "y"] * 45), test=0),
    }
    splits, _ = read_jointly(kzoo.MultiTask(tasks), "text")
    assert [note for note in splits.audit.notes if note.startswith("topic: No test split")]
