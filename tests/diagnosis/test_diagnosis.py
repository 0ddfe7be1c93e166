"""What is shown and written of findings."""

import csv
import dataclasses
import json
import os

import pytest

from kzoo.diagnosis.diagnosis import Diagnosis
from kzoo.diagnosis.finding import FINDING_KINDS, Finding

NEAR = "near duplicates across splits"


def diagnosis(*findings, picture=None, sizes=(8, 0, 1), unusable=1):
    sizes = dict(zip(("train", "validation", "test"), sizes, strict=True))
    root = os.path.join(os.sep, "data")
    return Diagnosis(findings, sizes, unusable, "image", ("near duplicates",), ("a note",), root, picture)


def path(name):
    return os.path.join(os.sep, "data", name)


UNREADABLE = [Finding("unreadable or empty", [path(f"{n}.jpg")], [""], "empty file") for n in range(5)]
PAIR = Finding(NEAR, [path("a.jpg")], ["train"], "similarity 0.990", [path("b.jpg")], "move to the split of b")
CLASS = Finding("tiny class", detail="owl: 3 of 8 training examples")


def test_the_table_counts_and_says_what_to_do():
    lines = str(diagnosis(*UNREADABLE, PAIR, CLASS)).splitlines()
    assert lines[0] == "10 images (8 train, 1 test, 1 unusable)"
    assert lines[1].split() == ["finding", "serious", "count", "in"]
    assert lines[2].split() == ["unreadable", "or", "empty", "yes", "5"]
    assert lines[3].split() == [*NEAR.split(), "yes", "1", "train"]
    assert lines[4].split() == ["tiny", "class", "1"]
    assert lines[5] == f"unreadable or empty: {FINDING_KINDS['unreadable or empty'].advice}"
    assert lines[6:10] == [*(f"  {n}.jpg (empty file)" for n in range(3)), "  2 more"]
    assert lines[11] == "  a.jpg like b.jpg (similarity 0.990)"
    assert lines[-3:] == ["  owl: 3 of 8 training examples", "a note", "Checked: near duplicates."]


def test_nothing_was_found_and_what_was_checked():
    clean = diagnosis(unusable=0, sizes=(1, 0, 0))
    assert str(clean) == "Nothing was found in 1 image (1 train).\na note\nChecked: near duplicates."
    assert clean._repr_html_().startswith("<p>Nothing was found in 1 image (1 train).</p>")
    assert clean.pictures() is None
    assert clean.serious == []


def test_a_text_of_several_lines_is_shown_on_one():
    assert (
        "  one two (similarity 1.000)"
        in str(diagnosis(Finding(NEAR, ["one \r\n two"], [""], "similarity 1.000"))).splitlines()
    )


def test_of_a_long_path_the_end_is_shown_and_of_a_long_text_the_beginning():
    long = Finding("one colour", [path("x" * 300 + ".jpg")], ["train"], "all of it")
    assert f"  ...{'x' * 41}.jpg (all of it)" in str(diagnosis(long)).splitlines()
    texts = dataclasses.replace(diagnosis(Finding(NEAR, ["y" * 300], [""], "like")), root="")
    assert f"  {'y' * 45}... (like)" in str(texts).splitlines()


def test_a_notebook_shows_both_images_of_a_pair():
    asked = []
    found = diagnosis(PAIR, UNREADABLE[0], picture=lambda name: asked.append(name) or b"jpeg of <it>")
    page = found._repr_html_()
    assert asked == [path("a.jpg"), path("b.jpg"), path("0.jpg")]
    assert page.count("data:image/jpeg;base64,") == 3
    assert "<it>" not in page
    assert page.count("move to the split of b") == 1


def test_a_notebook_shows_the_first_images_of_each_kind():
    made = [Finding(kind, [f"{kind} {n}"], [""]) for kind in ("one colour", "rotation") for n in range(50)]
    asked = []
    page = diagnosis(*made, picture=lambda name: asked.append(name) or b"jpeg")._repr_html_()
    assert asked == [f"{kind} {n}" for kind in ("one colour", "rotation") for n in range(3)]
    assert "The first findings of each kind" in page


def test_values_for_scripts():
    values = diagnosis(PAIR, CLASS).as_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["serious"] == 1
    assert values["findings"][0] == {
        "finding": NEAR,
        "serious": True,
        "names": [path("a.jpg")],
        "splits": ["train"],
        "like": [path("b.jpg")],
        "detail": "similarity 0.990",
        "suggestion": "move to the split of b",
        "advice": FINDING_KINDS[NEAR].advice,
    }
    assert values["findings"][1]["suggestion"] == ""


def test_a_data_frame_has_a_row_per_example():
    both = Finding("contradictory labels", ["x", "y"], ["train", ""], "labelled a and b")
    frame = diagnosis(both, CLASS).to_dataframe()
    assert frame["name"].tolist() == ["x", "y", ""]
    assert frame["suggestion"].tolist() == ["check the label", "check the label", ""]
    assert frame["split"].tolist() == ["train", "", ""]


def test_findings_of_a_kind():
    found = diagnosis(*UNREADABLE, PAIR, Finding("too blue", ["x"], ["train"]))
    assert found.of_kind(NEAR) == [PAIR]
    assert found.of_kind("silent") == []
    assert not found.of_kind("too blue")[0].serious
    with pytest.raises(ValueError, match=r"There is no finding 'near'\. The findings are: unreadable"):
        found.of_kind("near")


def test_the_list_has_a_line_per_example(tmp_path):
    target = tmp_path / "todo.csv"
    odd = Finding("near duplicates", ['a "b", c\nd'], ["train"])
    assert diagnosis(PAIR, odd, CLASS).write_list(target) == target
    with open(target, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["name", "finding", "suggestion"],
        [path("a.jpg"), NEAR, "move to the split of b"],
        ['a "b", c\nd', "near duplicates", "remove"],
    ]
    diagnosis().write_list(target)
    assert target.read_bytes() == b"name,finding,suggestion\r\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_of_the_users_is_not_overwritten(tmp_path):
    target = tmp_path / "data.csv"
    target.write_text("path,label\n")
    with pytest.raises(FileExistsError, match=r"data\.csv is not a list of findings"):
        diagnosis(PAIR).write_list(target)
    assert target.read_text() == "path,label\n"


def test_a_list_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="could not be written: No space left on device"):
        diagnosis(PAIR).write_list(tmp_path / "todo.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        diagnosis(PAIR).write_list(tmp_path / "none" / "todo.csv")
