"""Columns of rows: rows of tables as users have them, as text cells with the names of their columns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.examples import CheckedColumn
from kzoo.data.row.cells import WORDS, kind_of, plain_cell, strays
from kzoo.data.sources.table_files import TABLES, read_table_file
from kzoo.specs.task import UserData

SHOWN = 3
"""Dirty cells of a column that a note quotes."""


def collect_rows(values: UserData, *, root: Path = Path()) -> np.ndarray:
    """Rows as a column: a structured array (N,) with a field of strings for each column of the table; "" is missing.

    Args:
        values: a dict of columns, a DataFrame, an array (N, C) of numbers or texts, or a list of dicts or of rows.
            Columns without names are called ``x0``, ``x1`` and so on.
        root: not used, because cells are not paths.

    Raises:
        ValueError: it is not two-dimensional, or columns differ in length, or a name occurs twice.

    Example:
        >>> found = collect_rows({"age": [31, None], "city": ["Rome", "Oslo"]})
        >>> found.dtype.names, found["age"].tolist()
        (('age', 'city'), ['31', ''])
    """
    # pandas writes an index as a column without a name, and reads it as this one.
    columns = [(name or f"Unnamed: {place}", column) for place, (name, column) in enumerate(_columns(values))]
    lengths = {len(column) for _, column in columns}
    if len(lengths) > 1:
        raise ValueError(f"All columns of a table must have the same length. Got {sorted(lengths)}.")
    names = [name for name, _ in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Columns of a table must have different names. Twice: {', '.join(twice)}.")
    rows = np.empty(next(iter(lengths), 0), dtype=[(name, object) for name in names])
    for name, column in columns:
        one: dict[str, str] = {}
        # Cells of one text refer to one string.
        texts = (plain_cell(value) for value in column)
        rows[name] = np.fromiter((one.setdefault(text, text) for text in texts), dtype=object, count=len(column))
    return rows


def _columns(values: UserData) -> list[tuple[str, Sequence[object]]]:
    """Name and values of each column."""
    if isinstance(values, np.ndarray) and values.dtype.names:
        return [(name, values[name].tolist()) for name in values.dtype.names]
    if isinstance(values, Mapping):
        return [(str(name).strip(), _listed(column)) for name, column in values.items()]
    frame: Any = values
    if hasattr(frame, "columns") and hasattr(frame, "itertuples"):
        return [(str(name).strip(), frame[name].tolist()) for name in frame.columns]
    rows: list[Any] = _listed(values)
    if rows and all(isinstance(row, np.void) and row.dtype.names == rows[0].dtype.names for row in rows):
        return [(name, [row[name] for row in rows]) for name in rows[0].dtype.names]
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(str(name) for row in rows for name in row)
        return [(name, [row.get(name) for row in rows]) for name in names]
    widths = {len(row) if isinstance(row, Sequence) and not isinstance(row, str) else None for row in rows}
    if len(widths) != 1 or None in widths:
        raise ValueError(
            "Rows must be a DataFrame, a dict of columns, or an array of two dimensions. "
            f"Got {type(values).__name__} of shape {np.shape(values) if hasattr(values, '__array__') else len(rows)}."
        )
    return [(f"x{place}", list(column)) for place, column in enumerate(zip(*rows, strict=True))]


def _listed(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def is_row(value: object) -> bool:
    """Whether a value in memory looks like a row: a dict, or an array of one dimension."""
    return isinstance(value, Mapping) or (isinstance(value, np.ndarray) and value.ndim == 1)


def ask_rows(inputs: UserData) -> tuple[np.ndarray, list[str]]:
    """A column of rows and their names, of what a user has: also the path of a table, one row, or one dict.

    Raises:
        TypeError: they are no rows.
        FileNotFoundError: there is no such file.
    """
    if isinstance(inputs, str | Path):
        path = Path(inputs).expanduser()
        if path.suffix.lower() not in TABLES:
            raise TypeError(f"Rows must be a table, such as a DataFrame or a {', '.join(TABLES)} file. Got {inputs!r}.")
        if not path.is_file():
            raise FileNotFoundError(f"There is no table at {str(inputs)!r}.")
        inputs = read_table_file(path, [])
    if isinstance(inputs, Mapping) and all(isinstance(each, str) or not np.ndim(each) for each in inputs.values()):
        inputs = [inputs]
    elif (
        hasattr(inputs, "__array__")
        and np.asarray(inputs).ndim == 1
        and not getattr(np.asarray(inputs).dtype, "names", None)
    ):
        inputs = [_listed(inputs)]
    elif (
        isinstance(inputs, list | tuple)
        and inputs
        and not any(isinstance(each, Mapping) or np.ndim(each) for each in inputs)
    ):
        inputs = [list(inputs)]
    if not hasattr(inputs, "__iter__"):
        raise TypeError(f"Rows must be a table, such as a DataFrame. Got {type(inputs).__name__}.")
    column = collect_rows(inputs)
    return column, [f"row {index}" for index in range(len(column))]


def check_rows(column: np.ndarray) -> CheckedColumn:
    """Digests of rows, reasons against those without any value, and the cells that are not what their column is.

    Such a cell counts as missing; see `kzoo.data.row.cells.kind_of`.
    """
    names = column.dtype.names or ()
    cells = [column[name].tolist() for name in names]
    rows = list(zip(*cells, strict=True))
    digests = [hashlib.sha256("\x1f".join((*names, *row)).encode()).hexdigest() for row in rows]
    reasons = {index: "a row without any value" for index, row in enumerate(rows) if not any(row)}
    notes, repaired = [], dict[int, str]()
    for name, values in zip(names, cells, strict=True):
        kind = kind_of(values)
        dirty = strays(values, kind)
        for place in dirty:
            said = f"{name!r} is {values[place][:40]!r}, which is {WORDS[kind]}"
            repaired[place] = f"{repaired[place]}; {said}" if place in repaired else said
        if dirty:
            quoted = ", ".join(repr(values[place][:40]) for place in dirty[:SHOWN])
            more = ", ..." if len(dirty) > SHOWN else ""
            count, verbs = len(dirty), ("cells are", "count") if len(dirty) > 1 else ("cell is", "counts")
            told = f"{count} {verbs[0]} {WORDS[kind]} and {verbs[1]} as missing"
            notes.append(f"Column {name!r}: {told} ({quoted}{more})")
    return CheckedColumn(column, digests, reasons, notes, repaired=repaired)
