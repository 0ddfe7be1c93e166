"""Dicts of columns, and what scikit-learn's `load_*` functions return."""

import numpy as np
import pytest
from sklearn import datasets

import kzoo
from kzoo.data.modalities import MODALITIES
from kzoo.data.sources.bunches import is_columns, open_bunch
from kzoo.data.sources.reading import read_source
from kzoo.setup.auto_model import guess_modality


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_bunch_is_columns_and_names_of_classes(as_frame):
    found = open_bunch(datasets.load_iris(as_frame=as_frame))
    assert list(found)[3:] == ["petal width (cm)", "target"]
    assert found["petal width (cm)"][:2] == [0.2, 0.2]
    assert set(found["target"]) == {"setosa", "versicolor", "virginica"}


def test_values_stay_values_and_several_targets_are_columns():
    assert open_bunch(datasets.load_diabetes())["target"][:2] == [151.0, 75.0]
    assert list(open_bunch(datasets.load_linnerud()))[3:] == ["Weight", "Waist", "Pulse"]


def test_a_dict_is_columns_unless_it_is_splits():
    assert is_columns({"age": [1, 2], "label": np.array(["a", "b"])})
    for other in ({}, {"train": [1], "test": [2]}, {"a": [1], "b": [1, 2]}, {"a": np.zeros((2, 3))}, {"a": "text"}):
        assert not is_columns(other)


def test_rows_are_all_columns_but_target_and_groups():
    data = {"age": [1, 2], "who": ["x", "y"], "label": ["a", "b"], "city": ["Rome", None]}
    raw = read_source(kzoo.Classification(data, groups="who"), MODALITIES["row"]).splits["all"]
    assert raw.columns["row"].dtype.names == ("age", "city")
    assert raw.targets == ["a", "b"]
    assert raw.groups == ["x", "y"]
    # Where no name is usual, the target is the last column.
    last = read_source(
        kzoo.Classification(datasets.load_iris(as_frame=True).frame[["sepal width (cm)"] * 1 + ["target"]]),
        MODALITIES["row"],
    )
    assert last.splits["all"].columns["row"].dtype.names == ("sepal width (cm)",)
    kinds = read_source(kzoo.Classification({"age": [1, 2], "kind": ["a", "b"]}), MODALITIES["row"])
    assert kinds.splits["all"].targets == ["a", "b"]
    assert "labels from column 'kind'" in kinds.notes[0]


def test_data_looks_like_rows_only_without_a_column_of_something_else():
    table = {"age": [1, 2], "kind": ["a", "b"]}
    assert guess_modality(kzoo.Classification(table)) == "row"
    assert guess_modality(kzoo.Classification(datasets.load_iris())) == "row"
    assert guess_modality(kzoo.Classification((np.zeros((5, 3)), np.arange(5)))) == "row"
    assert guess_modality(kzoo.Classification({"text": ["a", "b"], "kind": ["a", "b"]})) == "text"
    assert guess_modality(kzoo.Classification({"train": (["a.png"], [0])})) == "image"
