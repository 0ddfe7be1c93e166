"""Examples of several inputs: chosen from a table, checked part by part, kept in one split by what they share."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kzoo
from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.parts import find_present
from kzoo.data.splits import read, read_labelled
from kzoo.specs.records.seen import NEW, TRAINED

KNOWN = {"labels": ["a", "b"]}

LONG = "a text that is long enough not to be the same by chance, number "


@pytest.fixture
def table(tmp_path):
    names = []
    for number in range(40):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((8, 8, 3), 6 * number, np.uint8)).save(path)
        names.append(str(path))
    return {
        "photo": names,
        "title": [LONG + str(number) for number in range(40)],
        "beds": list(range(40)),
        "town": ["Rome", "Oslo"] * 20,
        "kind": ["a", "b"] * 20,
    }


def split(table, **more):
    task = kzoo.Classification(table, image="photo", text="title", row=["beds", "town"], label="kind", **more)
    return read(task, "multimodal")


def test_parts_are_named_after_modality_and_column(table):
    column = split(table).train.columns["multimodal"]
    assert column.dtype.names == ("image: photo", "text: title", "row")
    assert column["row"].dtype.names == ("beds", "town")


def test_all_columns_that_are_left_are_rows(table):
    splits = read(kzoo.Classification(table, image="photo", text="title", row=True, label="kind"), "multimodal")
    assert splits.train.columns["multimodal"]["row"].dtype.names == ("beds", "town")


def test_usual_names_are_found(table):
    plain = {"image": table["photo"], "text": table["title"], "label": table["kind"]}
    column = read(kzoo.Classification(plain), "multimodal").train.columns["multimodal"]
    assert column.dtype.names == ("image: image", "text: text")


def test_inputs_by_name_and_targets_are_a_pair(table):
    task = kzoo.Classification(({"image": table["photo"], "text": table["title"]}, table["kind"]))
    assert len(read(task, "multimodal").train) == 32


def test_a_column_that_is_not_there_is_named(table):
    with pytest.raises(ValueError, match="no column 'picture'"):
        read(kzoo.Classification(table, image="picture", text="title", label="kind"), "multimodal")


def test_columns_that_nobody_names_are_asked_for(table):
    with pytest.raises(ValueError, match="not clear"):
        read(kzoo.Classification({"x": [1, 2], "label": ["a", "b"]}, label="label"), "multimodal")


def test_a_folder_has_one_input(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match="several inputs are read from a table"):
        read(kzoo.Classification(tmp_path), "multimodal")


def test_a_damaged_part_counts_as_missing_and_is_named(table):
    Path(table["photo"][3]).write_bytes(b"no image")
    table["title"][5] = None
    splits = split(table)
    assert "image: photo: 1 cannot be used and count as missing" in str(splits.audit)
    both = np.concatenate([part.columns["multimodal"] for part in (splits.train, splits.validation, splits.test)])
    assert len(both) == 40
    assert sum(not value for value in both["image: photo"]) == 1
    assert sum(not value for value in both["text: title"]) == 1
    with pytest.raises(ValueError, match=r"image: photo: .*not a jpeg"):
        split(table, strict=True)


def test_an_example_without_any_input_is_set_aside(table):
    for name in ("photo", "title", "beds", "town"):
        table[name][7] = None
    splits = split(table)
    assert [reason for _, reason in splits.audit.set_aside] == ["an example without any input"]


@pytest.mark.parametrize("shared", ["photo", "title"])
def test_examples_that_share_a_part_are_in_one_split(table, shared):
    for number in range(0, 40, 2):
        table[shared][number + 1] = table[shared][number]
    splits = split(table)
    part = {"photo": "image: photo", "title": "text: title"}[shared]
    found = [set(getattr(splits, name).columns["multimodal"][part]) for name in ("train", "validation", "test")]
    assert found[0]
    assert found[1]
    assert found[2]
    assert not (found[0] & found[1])
    assert not (found[0] & found[2])
    assert not (found[1] & found[2])


def test_what_many_examples_have_does_not_connect_them(table):
    table["title"] = [LONG] * 40
    splits = split(table)
    assert "1 text stands in 40 of 40 examples" in str(splits.audit)
    assert (splits.test.sides(splits.seen()) == NEW).all()
    assert len(splits.test) == 4


def test_a_given_test_split_keeps_what_it_shares(table):
    rows = {name: values[:30] for name, values in table.items()}
    held = {name: values[30:] for name, values in table.items()}
    held["photo"][0] = rows["photo"][0]
    task = kzoo.Classification(
        {"train": rows, "test": held}, image="photo", text="title", row=["beds", "town"], label="kind"
    )
    splits = read(task, "multimodal")
    left = [name for part in (splits.train, splits.validation) for name in part.columns["multimodal"]["image: photo"]]
    assert rows["photo"][0] not in left
    assert len(left) == 29


def test_groups_keep_their_names_where_a_part_connects_them(table):
    table["who"] = [f"group {number // 4}" for number in range(40)]
    table["photo"][4] = table["photo"][3]
    splits = split(table, groups="who", test=["group 0"])
    assert set(splits.test.groups) == {"group 0"}
    # Group 1 shares a photo with it.
    assert len(splits.test) == 8
    assert "group 5" in {*splits.train.groups, *splits.validation.groups}


def test_weights_know_the_inputs_that_they_have_seen(table):
    splits = split(table)
    seen = splits.seen()
    photo = splits.train.columns["multimodal"]["image: photo"][0]
    other = {"photo": [photo, table["photo"][0]], "title": [LONG + "new", LONG + "newer"]}
    other |= {"beds": [1, 2], "town": ["Rome", "Rome"], "kind": ["a", "b"]}
    fresh = read_labelled(kzoo.Classification(other, image="photo", text="title", label="kind"), "multimodal", **KNOWN)
    assert len(fresh[0]) == 2
    assert fresh[0].sides(seen)[0] == TRAINED
    task = kzoo.Classification({"photo": [photo], "title": ["short"], "label": ["a"]}, image="photo", text="title")
    with pytest.raises(ValueError, match="No examples are left"):
        read_labelled(task, "multimodal", labels=["a", "b"], seen=seen)


def test_weights_of_one_input_know_it_beside_others(table):
    alone = read(kzoo.Classification((table["photo"], table["kind"])), "image")
    splits = split(table, seed=1)
    sides = splits.test.sides(alone.seen())
    known = set(alone.train.columns["image"])
    there = [path in known for path in splits.test.columns["multimodal"]["image: photo"]]
    assert (sides == TRAINED).tolist() == there
    assert any(there)


def test_damaged_pixels_are_missing():
    pixels = np.random.default_rng(0).uniform(0, 255, (12, 8, 8, 3)).astype(np.float32)
    pixels[3, 0, 0, 0] = np.nan
    _, column = MODALITIES["multimodal"].choose(
        {"photo": pixels, "title": ["a"] * 12}, {"image": "photo", "text": "title"}, others=[], root=Path(), source="it"
    )
    checked = MODALITIES["multimodal"].check(column)
    assert "image: photo: 1 cannot be used and count as missing" in " ".join(checked.notes)
    assert find_present(checked.column["image: photo"]).tolist() == [number != 3 for number in range(12)]


def test_files_that_change_are_noticed(table):
    from kzoo.data.file_changes import ChangedError, verify

    splits = split(table)
    verify(splits.train)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(splits.train.columns["multimodal"]["image: photo"][0])
    with pytest.raises(ChangedError, match="changed"):
        verify(splits.train)


def test_lengths_must_be_equal():
    with pytest.raises(ValueError, match="same length"):
        MODALITIES["multimodal"].collect({"text: a": ["x", "y"], "text: b": ["x"]})


def test_several_tasks_keep_what_is_shared_in_one_split(table):
    from kzoo.data.tasks.joint_reading import read_any

    for number in range(0, 40, 2):
        table["photo"][number + 1] = table["photo"][number]
    table["price"] = [float(number) for number in range(40)]
    more = {"image": "photo", "text": "title", "row": True}
    tasks = {
        "kind": kzoo.Classification(table, label="kind", **more),
        "price": kzoo.Regression(table, label="price", **more),
    }
    splits, _ = read_any(kzoo.MultiTask(tasks), "multimodal")
    found = [
        set(getattr(splits, name).columns["multimodal"]["image: photo"]) for name in ("train", "validation", "test")
    ]
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & found[2]
    # Targets are no inputs.
    assert splits.train.columns["multimodal"]["row"].dtype.names == ("beds", "town")


def test_a_target_is_no_input(table):
    with pytest.raises(ValueError, match="'kind' is the column of a target"):
        read(kzoo.Classification(table, image="photo", row=["beds", "kind"], label="kind"), "multimodal")


def test_an_image_of_many_examples_keeps_them_in_one_split(table):
    table["photo"] = [table["photo"][number // 10] for number in range(40)]
    table["title"] = [LONG + str(number) for number in range(40)]
    splits = split(table)
    found = [
        set(getattr(splits, name).columns["multimodal"]["image: photo"]) for name in ("train", "validation", "test")
    ]
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & found[2]


@pytest.mark.parametrize("part", ["foo: x", "multimodal: x"])
def test_a_card_of_another_part_is_refused(part):
    entry = {"part": part, "preprocessor": {"entries": []}, "members": ["a"]}
    with pytest.raises(ValueError, match="a modality of one input"):
        MODALITIES["multimodal"].restore({"entries": [entry]})
    with pytest.raises(ValueError, match="Got none"):
        MODALITIES["multimodal"].restore({"entries": []})


def test_what_is_left_out_leaves_files_unchanged(table):
    from kzoo.data.file_changes import verify
    from kzoo.results.evaluation import leave_out

    table["back"] = table["photo"][::-1]
    task = kzoo.Classification(table, image=["photo", "back"], label="kind")
    found, *_ = leave_out(read(task, "multimodal").train, "photo", modality="multimodal")
    verify(found)
