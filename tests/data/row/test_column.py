"""Columns of rows, from whatever a user has."""

import numpy as np
import pandas as pd
import pytest

import kzoo
from kzoo.data.row.column import ask_rows, check_rows, collect_rows
from kzoo.data.splits import read


@pytest.mark.parametrize(
    "values",
    [
        {"age": [31, 4.5], "city": ["Rome", None]},
        {"age": np.array([31, 4.5]), "city": np.array(["Rome", None], object)},
        pd.DataFrame({"age": [31, 4.5], "city": ["Rome", np.nan]}),
        [{"age": 31, "city": "Rome"}, {"age": "4.5"}],
        list(np.array([(31, "Rome"), (4.5, None)], dtype=[("age", object), ("city", object)])),
    ],
)
def test_rows_of_all_forms_are_one(values):
    found = collect_rows(values)
    assert found.dtype.names == ("age", "city")
    assert found.tolist() == [("31", "Rome"), ("4.5", "")]


def test_columns_without_names_are_numbered():
    assert collect_rows(np.eye(2)).dtype.names == ("x0", "x1")
    assert collect_rows({"": [0, 1], "a": [2, 3]}).dtype.names == ("Unnamed: 0", "a")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": [1], "b": [1, 2]}, r"the same length. Got \[1, 2\]"),
        ({"a": [1], "a ": [1]}, "different names. Twice: a"),
        (np.zeros((2, 3, 4)), "Cells must be"),
        ([[1, 2], [3]], "an array of two dimensions"),
        (np.zeros(3), "an array of two dimensions"),
    ],
)
def test_what_is_no_table_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        collect_rows(values)


def test_one_row_is_asked_about_by_itself(tmp_path):
    wanted = [("31", "Rome")]
    (tmp_path / "rows.csv").write_text("age,city\n31,Rome\n")
    for inputs in ({"age": 31, "city": "Rome"}, {"age": [31], "city": ["Rome"]}, str(tmp_path / "rows.csv")):
        assert ask_rows(inputs)[0].tolist() == wanted
    assert ask_rows(np.array([1.0, 2.0]))[0].tolist() == ask_rows([1, 2])[0].tolist() == [("1", "2")]
    assert ask_rows([[1, 2], [3, 4]])[1] == ["row 0", "row 1"]
    with pytest.raises(TypeError, match="Rows must be a table"):
        ask_rows("photo.jpg")
    with pytest.raises(TypeError, match="Rows must be a table"):
        ask_rows(7)
    with pytest.raises(FileNotFoundError, match=r"no table at 'gone\.csv'"):
        ask_rows("gone.csv")


def test_dirty_cells_are_named_and_empty_rows_set_aside():
    found = check_rows(collect_rows({"age": [*range(18), "old", None], "city": ["Rome"] * 19 + [None]}))
    assert found.reasons == {19: "a row without any value"}
    assert found.repaired == {18: "'age' is 'old', which is no number"}
    assert found.notes == ["Column 'age': 1 cell is no number and counts as missing ('old')"]
    assert len(set(found.digests)) == 20


@pytest.mark.parametrize("taken", ["label", "groups"])
def test_a_target_or_a_group_is_no_input(taken):
    table = {"age": [1.5, 2.5] * 9, "kind": ["a", "b"] * 9, "size": [1, 2, 3] * 6}
    options = {"label": "size"} | {taken: "kind"}
    with pytest.raises(ValueError, match=r"'kind' is the column of the target or of groups\. Leave it out of row="):
        read(kzoo.Classification(table, row=["age", "kind"], **options), "row")
