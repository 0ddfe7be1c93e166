"""The other columns of a table: what is known of each example besides input and target, for the slices of a report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from kzoo.core.raw_targets import is_missing

MOST_DISTINCT = 200
"""Distinct texts up to which a column says what kind of example a row is; with more, it tells single rows apart."""


def other_columns(table: Mapping[str, Sequence[object]], *, used: Collection[object]) -> dict[str, np.ndarray]:
    """The columns that describe examples, each as an array (N,).

    Args:
        table: columns by name.
        used: names of the columns of inputs, targets and groups, which are left out.

    Returns:
        float64 with NaN for missing values where all values are numbers; else strings in an object array, "" for
        missing values. Columns of more than `MOST_DISTINCT` texts are left out, and so are those of one value.

    Example:
        >>> other_columns({"text": ["a", "b"], "year": ["1999", ""], "camera": ["X", "Y"]}, used=["text"])
        {'year': array([1999.,   nan]), 'camera': array(['X', 'Y'], dtype=object)}
    """
    found = {name: _as_attribute(values) for name, values in table.items() if name not in used}
    return {name: values for name, values in found.items() if values is not None}


def _as_attribute(values: Sequence[object]) -> np.ndarray | None:
    present = [_plain(value) for value in values]
    distinct = set(present) - {""}
    if not distinct or (len(distinct) == 1 and "" not in present):
        return None
    try:
        return np.asarray([float(value) if value else np.nan for value in present])
    except ValueError:
        if len(distinct) > MOST_DISTINCT:
            return None
    # A row refers to the one string of its value.
    one = {value: value for value in present}
    return np.fromiter((one[value] for value in present), dtype=object, count=len(present))


def _plain(value: object) -> str:
    """A cell as text; "" where nothing is in it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    if hasattr(value, "__array__") and np.ndim(value):  # type: ignore[arg-type]
        return str(value)
    return "" if is_missing(value) else str(value).strip()
