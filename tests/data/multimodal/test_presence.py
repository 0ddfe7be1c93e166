"""Which examples have an input, by what their model reads of it."""

import numpy as np
import pytest

from kzoo.data.modalities import MODALITIES
from kzoo.data.multimodal.preprocess import InputEntry, MultimodalPreprocessor
from kzoo.data.multimodal.presence import find_used
from kzoo.data.row.column import collect_rows
from kzoo.data.row.preprocess import fit_rows
from kzoo.specs.registry import get_card


@pytest.fixture(scope="module")
def preprocessor():
    rows = {
        "age": [3.5, 2, 1, 4] * 5,
        "day": ["2024-01-01", "2024-02-03"] * 10,
        "town": ["Rome", "Oslo"] * 10,
        "same": ["x"] * 20,
    }
    made, _ = fit_rows(get_card("row_mlp"), collect_rows(rows), size=None, resize="stretch", channels=3)
    return MultimodalPreprocessor((InputEntry("row", made, ("row_mlp",)),))


@pytest.mark.parametrize(
    ("cells", "there"),
    [
        ({"age": "1"}, True),
        ({"age": "1e60"}, False),
        ({"age": "unknown"}, False),
        ({"day": "2024-05-06"}, True),
        ({"day": "May"}, False),
        ({"town": "Rome"}, True),
        ({"town": "Paris"}, True),
        ({"same": "x"}, False),
        ({}, False),
    ],
)
def test_a_row_is_there_where_the_model_reads_a_value_of_it(preprocessor, cells, there):
    names = ("age", "day", "town", "same")
    column = np.empty(1, dtype=[("row", [(name, object) for name in names])])
    for name in names:
        column["row"][name] = cells.get(name, "")
    assert find_used(preprocessor, column, MODALITIES)["row"].tolist() == [there]
