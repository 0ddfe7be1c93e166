"""Cells of tables, and what columns of them are."""

import datetime

import numpy as np
import pandas as pd
import pytest

from kzoo.data.row.cells import kind_of, plain_cell, strays


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (1e20, "1e+20"),
        (np.nan, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (np.True_, "True"),
        (b" caf\xc3\xa9 ", "café"),
        ("Null", ""),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (pd.Timestamp("2024-02-29 12:30"), "2024-02-29T12:30:00"),
        (np.datetime64("2024-02-29"), "2024-02-29"),
    ],
)
def test_cells_are_texts(value, text):
    assert plain_cell(value) == text


def test_a_nested_cell_is_refused():
    with pytest.raises(ValueError, match=r"Cells must be numbers, texts, booleans or dates. Got list \[1, 2\]"):
        plain_cell([1, 2])


def test_a_column_is_what_nine_of_ten_cells_are():
    assert kind_of(["1", "-2.5e3", ".5", ""] * 9 + ["many"]) == "number"
    assert kind_of(["1"] * 8 + ["many"]) == "category"
    assert kind_of(["2024-02-29T12:30:00Z", "2024-03-01"]) == "date"
    assert kind_of(["2024-13-01"]) == "category"
    assert strays(["1", "", "many", "inf"], "number") == [2, 3]
    assert strays(["red", ""], "category") == []
