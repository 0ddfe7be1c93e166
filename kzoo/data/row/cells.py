"""Cells of a table as text, and what the cells of a column are: numbers, dates or categories."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from kzoo.core.raw_targets import is_missing

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "nat", "<na>", "#n/a"))
"""Texts, in lower case, that stand for a missing value."""

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"

DATE = (
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)
"""Dates of ISO 8601, with or without a time; the time zone is ignored."""

SHARE = 0.9
"""Share of the cells that must be numbers, or dates, for the others to be dirt."""

_PATTERNS = {"number": re.compile(NUMBER), "date": re.compile(DATE)}

WORDS = {"number": "no number", "date": "no date such as 2024-12-31"}
"""What is said of cells that are not what their column is."""


def plain_cell(value: object) -> str:
    """A cell as text: numbers as Python writes them, dates as ISO 8601; "" for a missing one.

    Raises:
        ValueError: it is a list, an array or the like.

    Example:
        >>> [plain_cell(each) for each in (3.0, 2.5, True, " red ", "N/A", None, float("inf"))]
        ['3', '2.5', 'True', 'red', '', '', '']
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        text = value.encode("utf-8", errors="replace").decode("utf-8").replace("\0", " ").strip()
        return "" if text.lower() in MISSING else text
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real) and not hasattr(value, "isoformat"):
        return _number(float(value))
    if is_missing(value):
        return ""
    if isinstance(value, np.datetime64):
        return str(value)[:19]
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:19]
    raise ValueError(f"Cells must be numbers, texts, booleans or dates. Got {type(value).__name__} {str(value)[:60]}.")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def kind_of(cells: Sequence[str]) -> str:
    """``"number"``, ``"date"`` or ``"category"``: what at least `SHARE` of the cells are that are not missing.

    Example:
        >>> kind_of(["1", "2.5", ""]), kind_of(["2024-12-31", ""]), kind_of(["1", "two"]), kind_of(["", ""])
        ('number', 'date', 'category', 'category')
    """
    present = [cell for cell in cells if cell]
    for kind, pattern in _PATTERNS.items():
        # The most frequent outcome first: of a column of words the first cells decide.
        least = SHARE * len(present)
        if present and sum(pattern.fullmatch(cell) is not None for cell in present) >= least:
            return kind
    return "category"


def strays(cells: Sequence[str], kind: str) -> list[int]:
    """The places of cells that are neither missing nor of the kind of their column."""
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return []
    return [place for place, cell in enumerate(cells) if cell and not pattern.fullmatch(cell)]
