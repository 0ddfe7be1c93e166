"""Predictions index, iterate and become a DataFrame; errors have a column of their own."""

import numpy as np
import pytest

from kzoo.results.predictions import Prediction, Predictions

NAN = np.nan


@pytest.fixture
def found():
    outputs = np.array([[0.25, 0.75], [NAN, NAN], [0.875, 0.125]], np.float32)
    return Predictions(["a.png", "b.png", "c.png"], ["dog", None, "cat"], outputs, ["cat", "dog"], {"b.png": "gone"})


def test_an_index_gives_one_prediction(found):
    assert found[0] == Prediction("a.png", "dog", {"cat": 0.25, "dog": 0.75})
    assert found[0].probability == 0.75
    assert found[-1].label == found[np.int64(2)].label == "cat"
    assert (found[1].label, found[1].error) == (None, "gone")
    for outside in (3, -4):
        with pytest.raises(IndexError, match=f"There are 3 predictions. Got the index {outside}"):
            found[outside]
    with pytest.raises(TypeError):
        found["a.png"]


def test_a_slice_gives_predictions(found):
    last = found[1:]
    assert isinstance(last, Predictions)
    assert (list(last.names), last.labels, last.errors) == (["b.png", "c.png"], [None, "cat"], {"b.png": "gone"})
    np.testing.assert_array_equal(last.outputs, found.outputs[1:])
    assert found[2:].errors == {}
    assert (found[:1].kind, found[:1].noun) == (found.kind, found.noun)


def test_a_loop_goes_over_all(found):
    assert [each.name for each in found] == ["a.png", "b.png", "c.png"]
    assert [each.error for each in found] == [None, "gone", None]


def test_a_classification_becomes_a_dataframe(found):
    frame = found.to_dataframe()
    assert list(frame) == ["name", "label", "probability", "probability_cat", "probability_dog", "error"]
    assert frame["label"].tolist() == ["dog", None, "cat"]
    assert frame["probability"].tolist()[::2] == [0.75, 0.875]
    assert frame["probability"].isna().tolist() == [False, True, False]
    assert frame["probability_cat"].tolist()[::2] == [0.25, 0.875]
    assert frame["error"].tolist() == [None, "gone", None]


def test_several_labels_become_a_dataframe():
    outputs = np.array([[0.9, 0.8]], np.float32)
    frame = Predictions(["a"], [("label", "error")], outputs, ["label", "error"], kind="multi_label").to_dataframe()
    assert list(frame) == ["name", "label", "probability_label", "probability_error", "error"]
    assert frame["label"][0] == ("label", "error")


def test_values_become_a_dataframe():
    options = {"kind": "regression"}
    one = Predictions(["a"], ["1.5"], np.array([[1.5]], np.float32), ["price"], **options).to_dataframe()
    assert one.to_dict("list") == {"name": ["a"], "value": [1.5], "error": [None]}
    two = Predictions(["a"], ["1, 2"], np.array([[1, 2]], np.float32), ["x", "y"], **options).to_dataframe()
    assert list(two) == ["name", "value_x", "value_y", "error"]


def test_errors_have_a_column_of_their_own(found):
    table = found.table()
    assert table.columns == ["image", "label", "cat", "dog", "error"]
    assert table.rows[1] == ("b.png", None, None, None, "gone")
    assert "nan" not in str(found)
    assert found[2:].table().columns == ["image", "label", "cat", "dog"]


def test_of_many_labels_the_largest_are_shown():
    outputs = np.zeros((2, 100), np.float32)
    outputs[0, [7, 50, 3]] = 0.6, 0.3, 0.1
    outputs[1] = NAN
    columns = [f"class {number}" for number in range(100)]
    found = Predictions(["a.jpg", "b.jpg"], ["class 7", None], outputs, columns, {"b.jpg": "damaged"}).table()
    largest = "class 7 0.6, class 50 0.3, class 3 0.1, class 0 0, class 1 0"
    assert found.rows[0] == ("a.jpg", "class 7", largest, None)
    assert found.rows[1] == ("b.jpg", None, None, "damaged")
    assert "of 100 outputs" in found.notes[0]
