"""Columns of numbers: arrays of one shape as users have them, as float32, and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kzoo.core.raw_targets import is_missing
from kzoo.data.examples import CheckedColumn
from kzoo.specs.task import UserData


def collect_numbers(values: UserData, *, root: Path = Path()) -> np.ndarray:
    """Examples as a column, float32 (N, ...): of an array, or of a list of arrays or rows of one shape.

    Args:
        values: numbers, or text that is numbers, as that of a CSV file; NaN for missing values.
        root: not used, because numbers are not paths.

    Raises:
        ValueError: they are not numbers, or their shapes differ.

    Example:
        >>> collect_numbers([("1", "2.5"), ("3", "")]).tolist()
        [[1.0, 2.5], [3.0, nan]]
    """
    try:
        rows = values if hasattr(values, "__array__") else [_number(value) for value in values]
        return np.asarray(rows, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise ValueError(f"Examples must be arrays of numbers of one shape. {error}") from error


def _number(value: UserData) -> UserData:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_number(each) for each in value]
    return np.nan if not hasattr(value, "__array__") and (value == "" or is_missing(value)) else value


def check_numbers(column: np.ndarray) -> CheckedColumn:
    """Digests of the examples of a column, float32 (N, ...), and the reasons against those that are not finite."""
    digests = [hashlib.sha256(np.ascontiguousarray(example).tobytes()).hexdigest() for example in column]
    finite = np.isfinite(column).all(axis=tuple(range(1, column.ndim)))
    return CheckedColumn(column, digests, dict.fromkeys(np.flatnonzero(~finite).tolist(), NOT_FINITE))


NOT_FINITE = "numbers that are missing or not finite"
"""Why an example cannot be used."""
