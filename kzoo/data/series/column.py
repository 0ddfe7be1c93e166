"""Columns of series: arrays as users have them, as float32 (T, features) each, and checked."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kzoo.core.raw_targets import is_missing
from kzoo.data.examples import CheckedColumn
from kzoo.specs.task import UserData

SUFFIXES = (".npy",)
"""Of files with one series each."""

LARGEST = 1e30
"""Numbers from which on the squares of float32 overflow: they are missing."""


class NoSeries(str):
    """Why something is no series."""

    __slots__ = ()


def collect_series(values: UserData, *, root: Path = Path()) -> np.ndarray:
    """Series as a column, an object array (N,) of float32 arrays (T, features); NaN for a missing value.

    Missing steps at the end are padding, and are left out.

    Args:
        values: an array (N, T) or (N, T, features), or a list of arrays or lists (T,) or (T, features), whose lengths
            may differ; or ``.npy`` files, as paths or encoded. What is none is left as it is: `check_series` names it.
        root: of relative paths.

    Example:
        >>> found = collect_series([[1, 2, 3], [4, None, 6, None]])
        >>> found[1].tolist(), found[0].shape
        ([[4.0], [nan], [6.0]], (3, 1))
    """
    listed = list(values)
    return np.fromiter((_series(value, root) for value in listed), dtype=object, count=len(listed))


def open_series(path: Path) -> bytes:
    """The content of a ``.npy`` file."""
    return path.read_bytes()


def _series(value: UserData, root: Path) -> object:
    if isinstance(value, str | Path) and not isinstance(value, NoSeries):
        path = root / Path(value).expanduser()
        if path.suffix.lower() not in SUFFIXES:
            return value
        try:
            value = open_series(path)
        except OSError as error:
            return NoSeries(f"{path}: {error}")
    if isinstance(value, bytes):
        try:
            value = np.load(io.BytesIO(value), allow_pickle=False)
        except (ValueError, EOFError) as error:
            return NoSeries(f"no .npy file: {error}")
    try:
        found = np.asarray(_plain(value), dtype=np.float32)
    except (TypeError, ValueError):
        return value
    if found.ndim not in (1, 2):
        return found
    found = found[:, None] if found.ndim == 1 else found
    found = np.where(np.abs(found) < LARGEST, found, np.float32(np.nan))
    steps = np.flatnonzero(np.isfinite(found).any(axis=1))
    # Padding at the end is no part of a series.
    return found[: steps[-1] + 1] if len(steps) else found


def _plain(value: UserData) -> UserData:
    """Lists with NaN for what is missing; arrays as they are."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return np.nan if not hasattr(value, "__array__") and is_missing(value) else value


def ask_series(inputs: UserData) -> tuple[np.ndarray, list[str]]:
    """A column of series and their names, of one or several; paths of ``.npy`` files among them.

    Raises:
        TypeError: they are no series.
    """
    if isinstance(inputs, str | Path):
        inputs = [inputs]
    if isinstance(inputs, Mapping) or not hasattr(inputs, "__iter__"):
        raise TypeError(f"Series must be arrays (T, features), or a list of them. Got {type(inputs).__name__}.")
    column = collect_series(inputs)
    return column, [f"series {index}" for index in range(len(column))]


def check_series(column: np.ndarray) -> CheckedColumn:
    """Digests of series, and the reasons against those that are none, have no value or another number of features."""
    widths = [value.shape[1] for value in column if _is_series(value)]
    width = max(set(widths), key=widths.count, default=0)
    kept, digests, reasons = list(column), [], {}
    for index, value in enumerate(column):
        reason = _reason(value, width)
        if reason:
            reasons[index] = reason
            kept[index] = np.full((1, max(width, 1)), np.nan, np.float32)
        digests.append("" if reason else hashlib.sha256(f"{value.shape}".encode() + value.tobytes()).hexdigest())
    gaps = sum(bool(np.isnan(value).any()) for index, value in enumerate(kept) if index not in reasons)
    notes = [f"{gaps:,} series have missing values"] if gaps else []
    checked = np.fromiter(kept, dtype=object, count=len(kept))
    return CheckedColumn(checked, digests, reasons, notes)


def _is_series(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32 and value.ndim == 2 and value.size > 0


def _reason(value: object, width: int) -> str:
    """Why something cannot be used as a series, or ""."""
    if isinstance(value, NoSeries):
        return str(value)
    if isinstance(value, np.ndarray) and value.dtype == np.float32 and not value.size:
        return "a series without steps"
    if not _is_series(value) or not isinstance(value, np.ndarray):
        shown = f"shape {value.shape}" if isinstance(value, np.ndarray) else str(value)[:80]
        return f"not a series (T, features) of numbers, but {type(value).__name__}: {shown}"
    if value.shape[1] != width:
        return f"{value.shape[1]} features, where most series have {width}"
    return "" if np.isfinite(value).any() else "a series without any value"
