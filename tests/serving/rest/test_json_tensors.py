"""JSON requests as tensors and back, against the examples of TensorFlow Serving's documentation."""

import json

import numpy as np
import pytest
import tensorflow as tf

from kzoo.serving.rest.json_tensors import read_question, to_arrays, to_json
from kzoo.serving.rest.request_error import RequestError

IMAGE = {"image": tf.TensorSpec((None,), tf.string)}
PIXELS = {"pixels": tf.TensorSpec((None, 2), tf.uint8)}
TWO = {"tag": tf.TensorSpec((None,), tf.string), "signal": tf.TensorSpec((None, 2), tf.float32)}


def arrays(body, specs):
    return to_arrays(read_question(json.dumps(body).encode()), specs)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"b64": "aGk="}, "hi"]},
        {"instances": [{"image": {"b64": "aGk="}}, {"image": "hi"}]},
        {"inputs": [{"b64": "aGk="}, "hi"]},
        {"inputs": {"image": [{"b64": "aGk="}, "hi"]}},
    ],
)
def test_strings_come_in_rows_and_columns(body):
    assert arrays(body, IMAGE)["image"].tolist() == [b"hi", b"hi"]


def test_several_inputs_come_in_rows_and_columns():
    rows = [{"tag": "foo", "signal": [1, 2]}, {"tag": "bar", "signal": [3, 4.5]}]
    columns = {"tag": ["foo", "bar"], "signal": [[1, 2], [3, 4.5]]}
    for body in ({"instances": rows}, {"inputs": columns}):
        found = arrays(body, TWO)
        assert found["tag"].tolist() == [b"foo", b"bar"]
        assert found["signal"].dtype == np.float32
        assert found["signal"].tolist() == [[1, 2], [3, 4.5]]


BAD = {
    "not json": (b"{", "JSON Parse error"),
    "too deep": (b"[" * 100_000, "JSON Parse error"),
    "a list": (b"[]", "must be a JSON object. Got an empty list"),
    "neither": ({"x": 1}, "'instances' or 'inputs'. Got neither"),
    "both": ({"instances": [1], "inputs": [1]}, "Got both"),
    "signature": ({"signature_name": 3, "inputs": []}, "'signature_name' must be a string. Got a number"),
    "no rows": ({"instances": []}, "must be a list of one example or more. Got an empty list"),
    "another key": ({"instances": [{"pixel": [1, 2]}]}, "with the keys 'pixels'. Got 'pixel'"),
    "mixed rows": ({"instances": [{"pixels": [1, 2]}, [1, 2]]}, "with the keys 'pixels'. Got a list"),
    "text": ({"inputs": [["a", "b"]]}, "'pixels' must be uint8"),
    "fractions": ({"inputs": [[0.5, 1.0]]}, "'pixels' must be uint8"),
    "too large": ({"inputs": [[256, 1]]}, r"'pixels' must be uint8, in \[0, 255\]"),
    "below 0": ({"inputs": [[-1, 1]]}, r"'pixels' must be uint8, in \[0, 255\]"),
    "ragged": ({"inputs": [[1, 2], [1]]}, "rows of one length"),
    "shape": ({"inputs": [[1, 2, 3]]}, r"must have the shape \(None, 2\). Got \(1, 3\)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_named(kind):
    body, match = BAD[kind]
    with pytest.raises(RequestError, match=match):
        to_arrays(read_question(body if isinstance(body, bytes) else json.dumps(body).encode()), PIXELS)


@pytest.mark.parametrize("value", [{"b64": "a"}, {"b64": "???="}, {"b64": 3}, 3, None])
def test_what_is_no_string_is_named(value):
    with pytest.raises(RequestError, match=r"'image' (must be strings|has an invalid 'b64')"):
        arrays({"instances": [value, "x"]} if value is not None else {"inputs": [None]}, IMAGE)


def test_replies_are_rows_or_columns():
    labels, scores = np.array([b"cat", "é".encode()], object), np.float32([[0.5, np.nan], [0.25, 1]])
    both = {"labels": labels, "scores": scores}
    assert json.loads(to_json({"labels": labels}, rows=True)) == {"predictions": ["cat", "é"]}
    assert json.loads(to_json({"labels": labels}, rows=False)) == {"outputs": ["cat", "é"]}
    assert json.loads(to_json(both, rows=False))["outputs"]["labels"] == ["cat", "é"]
    rows = json.loads(to_json(both, rows=True))["predictions"]
    assert rows[1] == {"labels": "é", "scores": [0.25, 1]}
    assert np.isnan(rows[0]["scores"][1])
    assert json.loads(to_json({"x_bytes": np.array([b"hi"], object)}, rows=True)) == {"predictions": [{"b64": "aGk="}]}


def test_outputs_of_several_lengths_have_no_rows():
    with pytest.raises(RequestError, match="no common batch dimension"):
        to_json({"a": np.zeros(2), "b": np.zeros(3)}, rows=True)
