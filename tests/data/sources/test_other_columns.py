"""Other columns of a table: which of them describe examples, and that they stay with their rows."""

import numpy as np
import pandas as pd

import kzoo
from kzoo.data.examples import Examples, join_examples
from kzoo.data.sources.other_columns import MOST_DISTINCT, other_columns
from kzoo.data.splits import read, read_labelled


def test_numbers_texts_and_what_is_missing():
    table = {"year": [1999, None, "2001"], "camera": ["X", "", None], "text": ["a", "b", "c"], "one": ["x", "x", "x"]}
    found = other_columns(table, used=["text"])
    assert list(found) == ["year", "camera"]
    np.testing.assert_array_equal(found["year"], [1999, np.nan, 2001])
    assert found["camera"].tolist() == ["X", "", ""]


def test_a_column_that_names_each_row_is_left_out():
    table = {"file": [f"{number}.jpg" for number in range(MOST_DISTINCT + 1)], "number": range(MOST_DISTINCT + 1)}
    assert list(other_columns(table, used=[])) == ["number"]


def test_they_stay_with_their_rows(tmp_path):
    rows = [(f"text {n}", "yn"[n % 2], f"speaker {n % 7}", float(n)) for n in range(80)]
    pd.DataFrame(rows, columns=["text", "label", "speaker", "number"]).to_csv(tmp_path / "data.csv", index=False)
    task = kzoo.Classification(tmp_path / "data.csv", groups="speaker", validation=0.2, test=0.2)
    splits = read(task, "text")
    for part in (splits.train, splits.validation, splits.test):
        assert list(part.attributes) == ["number"]
        assert [f"text {number:.0f}" for number in part.attributes["number"]] == part.columns["text"].tolist()
    everything, _ = read_labelled(task, "text", labels=splits.labels)
    assert len(everything.attributes["number"]) == 80


def test_attributes_that_a_part_lacks_are_left_out_of_both():
    both = [
        Examples({"text": np.array(["a"], object)}, np.zeros(1), ["a"], attributes=attributes)
        for attributes in ({"x": np.ones(1), "y": np.ones(1)}, {"x": np.zeros(1)})
    ]
    found = join_examples(both)
    assert {name: values.tolist() for name, values in found.attributes.items()} == {"x": [1, 0]}
