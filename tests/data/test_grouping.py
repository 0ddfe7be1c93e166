"""Groups stay on one side of every split."""

import numpy as np
import pandas as pd
import pytest

from kzoo.data.grouping import deal
from kzoo.data.splits import read
from kzoo.specs.task import Classification

RNG = np.random.default_rng(0)
WHO = [f"speaker{n % 7}" for n in range(140)]
WHAT = [n // 7 % 2 for n in range(140)]
TEXTS = [f"text {n} {'good' if y else 'bad'}" for n, y in enumerate(WHAT)]


def frame():
    return pd.DataFrame({"text": TEXTS, "label": WHAT, "who": WHO})


def parts(splits):
    return {name: getattr(splits, name) for name in ("train", "validation", "test")}


TASKS = {
    "a column": lambda **more: Classification(frame(), groups="who", **more),
    "a sequence": lambda **more: Classification((TEXTS, WHAT), groups=WHO, **more),
}


@pytest.mark.parametrize("form", TASKS)
@pytest.mark.parametrize("seed", range(3))
def test_no_group_is_on_two_sides(form, seed):
    found = parts(read(TASKS[form](seed=seed), "text"))
    members = {name: set(part.groups) for name, part in found.items()}
    assert sum(map(len, members.values())) == 7
    assert set.union(*members.values()) == set(WHO)
    assert sum(map(len, found.values())) == 140
    for part in found.values():
        assert all(
            WHO[TEXTS.index(text)] == group for text, group in zip(part.columns["text"], part.groups, strict=True)
        )


def test_named_groups_are_held_out():
    found = parts(read(Classification(frame(), groups="who", test=["speaker2", "speaker5"]), "text"))
    assert set(found["test"].groups) == {"speaker2", "speaker5"}
    assert len(set(found["validation"].groups)) == 1


def test_a_function_of_the_path_gives_groups_and_labels(tmp_path):
    for number, (text, label, who) in enumerate(zip(TEXTS, WHAT, WHO, strict=True)):
        (tmp_path / f"{label}_{who}_{number}.txt").write_text(text)
    task = Classification(
        tmp_path, label=lambda path: path.stem[0], groups=lambda path: path.stem.split("_")[1], test=["speaker0"]
    )
    splits = read(task, "text")
    assert splits.labels == ["0", "1"]
    assert set(splits.test.groups) == {"speaker0"}
    assert all(name.endswith(".txt") for name in splits.test.names)


def test_a_copy_in_a_held_out_group_leaves_training():
    rows = frame()
    rows.loc[0, "text"] = rows.loc[14 + 2, "text"]  # of speaker2, with the same label
    splits = read(Classification(rows, groups="who", test=["speaker2"]), "text")
    assert [(name[:6], why) for name, why in splits.audit.set_aside] in (
        [("row 2:", "in train, but its content is in test too")],
        [("row 2:", "in validation, but its content is in test too")],
    )


def test_a_group_of_a_given_split_leaves_the_others():
    rows = frame()
    splits = read(Classification({"train": rows[:130], "test": rows[130:133]}, groups="who"), "text")
    held = set(rows[130:133]["who"])
    assert not held & {*splits.train.groups, *splits.validation.groups}
    assert "in train, but its group is in test too" in str(splits.audit)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_shares_are_near_what_is_wanted(share):
    groups = [f"g{n}" for n in RNG.integers(0, 60, 3000)]
    found = deal(RNG.integers(0, 3, 3000), groups, {"test": share}, np.random.default_rng(0))
    assert abs(len(found["test"]) / 3000 - share) < 0.03
    assert sorted(np.concatenate(list(found.values()))) == list(range(3000))


WRONG = {
    "no column": ({"groups": "speaker"}, ValueError, "no column 'speaker' for groups. Its columns: text, label, who"),
    "no group": (
        {"groups": "who", "test": ["x"]},
        ValueError,
        r"test=\['x'\]: there is no group 'x'. Groups: ",
    ),
    "too few": ({"groups": ["a"] * 3}, ValueError, "groups has 3 values for the 140 examples"),
    "one group": ({"groups": ["a"] * 140}, ValueError, "too few groups to split"),
    "no path": ({"groups": lambda path: path.no}, AttributeError, "no"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name):
    options, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        read(Classification(frame(), **options), "text")


def test_names_of_groups_need_groups():
    with pytest.raises(ValueError, match=r"test must be a share in \(0, 1\), or a list of some of the groups="):
        Classification(frame(), test=["speaker0"])
