"""Rows as an exported model takes them: as named columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.row.cells import MISSING
from kzoo.data.row.column import collect_rows
from kzoo.data.row.columns import CATEGORY, NUMBER, RowColumn
from kzoo.data.row.preprocess import RowPreprocessor
from kzoo.data.seams import ServedInput

KINDS = {True: "float32 (B,), NaN for a missing value", False: 'string (B,), "" for a missing value'}


def serve_rows(preprocessor: RowPreprocessor) -> ServedInput:
    """Columns by name: numbers float32 (B,), others string (B,). Dates are of ISO 8601."""
    names = _names(preprocessor)

    def plain(columns: Sequence[Tensor]) -> list[Tensor]:
        pairs = zip(preprocessor.used, columns, strict=True)
        return [values if each.kind == NUMBER else _cells(values) for each, values in pairs]

    def read(*columns: Tensor) -> tuple[Tensor, Tensor]:
        return preprocessor.join(plain(columns)), tf.fill(tf.shape(columns[0])[:1], "")

    return ServedInput(
        batch=[tf.TensorSpec((None,), _dtype(each), name=name) for name, each in names.items()],
        read=read,
        present=lambda *columns: preprocessor.has_value(plain(columns)),
        described=(
            "- `serving_default`: one input for each column:",
            *(f"    - `{each.name}`: {KINDS[each.kind == NUMBER]}" for each in preprocessor.used),
            "- `features`: the same inputs; returns `features`, the embedding",
        ),
        renamed={name: each.name for name, each in names.items()},
    )


def sample_rows(
    preprocessor: RowPreprocessor, examples: Sequence[np.void]
) -> dict[str, tuple[dict[str, Batch], np.ndarray]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: rows; rows around those of training where there are none.
    """
    rows = [_by_name(row) for row in examples] or _made_up(preprocessor)
    known = [{each.name: row.get(each.name, "") for each in preprocessor.columns} for row in rows]
    asked = {each.name: [row[each.name] for row in known] for each in preprocessor.columns}
    found = {name: _as_served(each, asked[each.name]) for name, each in _names(preprocessor).items()}
    return dict.fromkeys(("serving_default", "features"), (found, collect_rows(asked)))


def _by_name(row: np.void) -> dict[str, str]:
    return dict(zip(row.dtype.names or (), map(str, row.tolist()), strict=True))


def _cells(texts: Tensor) -> Tensor:
    """Texts as cells: without blanks around them, and empty where they stand for a missing value."""
    texts = tf.strings.strip(texts)
    missing = tf.strings.lower(texts, encoding="utf-8")[:, None] == tf.constant(sorted(MISSING))[None, :]
    return tf.where(tf.reduce_any(missing, axis=1), "", texts)


def _names(preprocessor: RowPreprocessor) -> dict[str, RowColumn]:
    """The columns by names that TensorFlow takes for inputs of a function."""
    return {f"column_{place}": each for place, each in enumerate(preprocessor.used)}


def _dtype(column: RowColumn) -> tf.DType:
    return tf.float32 if column.kind == NUMBER else tf.string


def _as_served(column: RowColumn, cells: Sequence[str]) -> Batch:
    if column.kind != NUMBER:
        return list(cells)
    return np.array([_number(cell) for cell in cells], np.float32)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _made_up(preprocessor: RowPreprocessor) -> list[dict[str, str]]:
    def cell(column: RowColumn, place: int) -> str:
        if column.kind == CATEGORY:
            return (*column.vocabulary, "")[place % (len(column.vocabulary) + 1)]
        return repr(column.center + place * column.spread) if column.kind == NUMBER else f"20{place}0-01-01"

    return [{each.name: cell(each, place) for each in preprocessor.columns} for place in range(4)]
