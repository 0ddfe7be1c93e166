"""JSON of TensorFlow Serving's predict API as tensors, and tensors as JSON.

https://www.tensorflow.org/tfx/serving/api_rest#predict_api
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.serving.rest.request_error import RequestError

BYTES = "_bytes"
"""End of the name of an output whose strings are encoded in base64."""


@dataclass(frozen=True)
class Question:
    """The content of a request.

    Args:
        signature: its name; "" for the default.
        rows: whether it is in the row format (``instances``), else in columns (``inputs``).
        content: of that key.
    """

    signature: str
    rows: bool
    content: Any


def read_question(body: bytes) -> Question:
    """The content of a predict request.

    Raises:
        RequestError: it is not JSON, or has neither or both of ``instances`` and ``inputs``.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"JSON Parse error: {error}") from error
    if not isinstance(found, dict):
        raise RequestError(f"A request must be a JSON object. Got {_kind(found)}.")
    name = found.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(f"'signature_name' must be a string. Got {_kind(name)}.")
    given = [key for key in ("instances", "inputs") if key in found]
    if len(given) != 1:
        raise RequestError(f"A request must have either 'instances' or 'inputs'. Got {'both' if given else 'neither'}.")
    return Question(name, given == ["instances"], found[given[0]])


def to_arrays(question: Question, specs: Mapping[str, tf.TensorSpec]) -> dict[str, np.ndarray]:
    """The inputs of a signature, by name.

    Raises:
        RequestError: an input is missing, unknown, or of another type or shape.
    """
    content = question.content
    columns = _columns_of_rows(content, specs) if question.rows else content
    if len(specs) == 1 and not (isinstance(columns, dict) and set(columns) == set(specs)):
        columns = {next(iter(specs)): columns}
    if not isinstance(columns, dict) or set(columns) != set(specs):
        got = ", ".join(map(repr, columns)) if isinstance(columns, dict) else _kind(columns)
        raise RequestError(f"The inputs must be {', '.join(map(repr, specs))}. Got {got}.")
    try:
        return {name: _array(columns[name], spec, name) for name, spec in specs.items()}
    except RecursionError as error:
        raise RequestError("The inputs are nested too deeply.") from error


def _columns_of_rows(rows: Any, specs: Mapping[str, tf.TensorSpec]) -> Any:
    if not isinstance(rows, list) or not rows:
        raise RequestError(f"'instances' must be a list of one example or more. Got {_kind(rows)}.")
    named = [isinstance(row, dict) and set(row) != {"b64"} for row in rows]
    if not any(named):
        if len(specs) > 1:
            raise RequestError(f"Each of 'instances' must be an object with the keys {', '.join(map(repr, specs))}.")
        return rows
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(specs):
            got = ", ".join(map(repr, row)) if isinstance(row, dict) else _kind(row)
            raise RequestError(
                f"Each of 'instances' must be an object with the keys {', '.join(map(repr, specs))}. Got {got}."
            )
    return {name: [row[name] for row in rows] for name in specs}


def _array(value: Any, spec: tf.TensorSpec, name: str) -> np.ndarray:
    array = _strings(value, name) if spec.dtype == tf.string else _numbers(value, spec.dtype, name)
    if not spec.shape.is_compatible_with(array.shape):
        raise RequestError(f"The input {name!r} must have the shape {spec.shape}. Got {array.shape}.")
    return array


def _strings(value: Any, name: str) -> np.ndarray:
    try:
        return np.array(_decoded(value, name), object)
    except ValueError as error:
        raise RequestError(f"The input {name!r} must have rows of one length.") from error


def _decoded(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_decoded(each, name) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(f"The input {name!r} has an invalid 'b64': {error}.") from error
    raise RequestError(f'The input {name!r} must be strings or {{"b64": "..."}}. Got {_kind(value)}.')


def _numbers(value: Any, dtype: tf.DType, name: str) -> np.ndarray:
    wanted = np.dtype(dtype.as_numpy_dtype)
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"The input {name!r} must be numbers in rows of one length.") from error
    whole = np.issubdtype(wanted, np.integer)
    kinds = "b" if np.issubdtype(wanted, np.bool_) else "iu" if whole else "iuf"
    if array.size and array.dtype.kind not in kinds:
        raise RequestError(f"The input {name!r} must be {wanted.name}. Got values that are not.")
    if whole and array.size and (array.min() < dtype.min or array.max() > dtype.max):
        raise RequestError(f"The input {name!r} must be {wanted.name}, in [{dtype.min}, {dtype.max}].")
    return array.astype(wanted)


def to_json(outputs: Mapping[str, np.ndarray], *, rows: bool) -> bytes:
    """The reply to a request in rows (``predictions``) or columns (``outputs``). NaN is written as NaN.

    Raises:
        RequestError: outputs have no common first dimension, so that there are no rows.
    """
    values = {name: _plain(name, array) for name, array in outputs.items()}
    if not rows:
        return _dump({"outputs": next(iter(values.values())) if len(values) == 1 else values})
    if len({array.shape[:1] for array in outputs.values()}) != 1 or any(not array.ndim for array in outputs.values()):
        raise RequestError("The outputs have no common batch dimension. Ask with 'inputs' in place of 'instances'.")
    if len(values) == 1:
        return _dump({"predictions": next(iter(values.values()))})
    return _dump({"predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]})


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _plain(name: str, array: np.ndarray) -> Any:
    if array.dtype != object:
        return array.tolist()
    return _shown(array.tolist(), encode=name.endswith(BYTES))


def _shown(value: Any, *, encode: bool) -> Any:
    if isinstance(value, list):
        return [_shown(each, encode=encode) for each in value]
    return {"b64": base64.b64encode(value).decode()} if encode else value.decode("utf-8", "replace")


def _kind(value: object) -> str:
    """What JSON calls a value."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return "an empty list" if value == [] else names.get(type(value), "a number")
