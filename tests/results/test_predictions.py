"""Predictions show themselves."""

import numpy as np

from kzoo.results.predictions import Predictions


def test_a_table_has_a_column_per_label():
    found = Predictions(["a.jpg", "b.jpg"], ["cat", None], np.array([[0.9, 0.1], [np.nan] * 2]), ["cat", "dog"])
    assert list(found.table().columns) == ["picture", "label", "cat", "dog"]


def test_of_many_labels_the_largest_are_shown():
    outputs = np.zeros((2, 100), np.float32)
    outputs[0, [7, 50, 3]] = 0.6, 0.3, 0.1
    outputs[1] = np.nan
    columns = [f"class {number}" for number in range(100)]
    found = Predictions(["a.jpg", "b.jpg"], ["class 7", None], outputs, columns, {"b.jpg": "damaged"}).table()
    assert found.rows[0] == ("a.jpg", "class 7", "class 7 0.6, class 50 0.3, class 3 0.1, class 0 0, class 1 0")
    assert found.rows[1] == ("b.jpg", "damaged", "")
    assert "of 100 outputs" in found.notes[0]
