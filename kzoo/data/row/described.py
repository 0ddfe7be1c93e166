"""Rows as a report describes them: their own columns, by which they are divided into slices."""

from __future__ import annotations

import numpy as np

from kzoo.data.sources.other_columns import other_columns


def describe_rows(column: np.ndarray) -> dict[str, np.ndarray]:
    """Each column that describes rows: float64 (N,), NaN for missing values, or strings in an object array (N,).

    Args:
        column: a structured array (N,) of strings.

    Example:
        >>> rows = np.array([("31", "Rome"), ("", "Oslo")], dtype=[("age", object), ("city", object)])
        >>> describe_rows(rows)
        {'age': array([31., nan]), 'city': array(['Rome', 'Oslo'], dtype=object)}
    """
    return other_columns({name: column[name].tolist() for name in column.dtype.names or ()}, used=())


def row_excerpt(row: np.void) -> tuple[str, bytes]:
    """The names and values of a row, a line each, UTF-8."""
    lines = [f"{name}: {value}" for name, value in zip(row.dtype.names or (), row.tolist(), strict=True)]
    return "text/plain", "\n".join(lines).encode("utf-8", errors="replace")
