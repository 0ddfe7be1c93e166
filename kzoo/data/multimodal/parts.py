"""Parts of an example: its inputs, by name, as fields of one structured array; any may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kzoo.core.raw_targets import is_missing

SEPARATOR = ": "
"""Between a modality and a column, in the name of a part. The part of a row's columns is named after its modality."""


def name_part(modality: str, column: str) -> str:
    """The name of a part: its modality and its column.

    Example:
        >>> name_part("image", "front")
        'image: front'
    """
    return f"{modality}{SEPARATOR}{column}"


def modality_of(part: str) -> str:
    """The name of the modality of a part."""
    return part.split(SEPARATOR)[0]


def short_name(part: str) -> str:
    """The name of a part's column; of a row's columns, that of their modality."""
    return part.split(SEPARATOR, 1)[-1]


def part_names(column: np.ndarray) -> tuple[str, ...]:
    """The names of the parts of a column."""
    return tuple(column.dtype.names or ())


def stack_parts(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Columns (N, ...) of all parts as one structured array (N,), with a field for each."""
    fields = [(name, values.dtype, values.shape[1:]) for name, values in parts.items()]
    column = np.empty(len(next(iter(parts.values()))), dtype=fields)
    for name, values in parts.items():
        column[name] = values
    return column


def find_present(values: np.ndarray) -> np.ndarray:
    """Which values of a part are there, bool (N,): not None, empty, NaN, or a row without any cell.

    Example:
        >>> find_present(np.array(["a film", "", None], dtype=object)).tolist()
        [True, False, False]
    """
    if values.dtype.names:
        cells = [values[name] for name in values.dtype.names]
        return np.array([any(row) for row in zip(*cells, strict=True)], bool)
    if values.dtype.kind == "f":
        return np.asarray(~np.isnan(values).reshape(len(values), -1).all(axis=1))
    if values.dtype != object:
        return np.ones(len(values), bool)
    return np.array([not _is_blank(value) for value in values], bool)


def without_part(column: np.ndarray, name: str) -> np.ndarray:
    """A copy of a column in which a part is missing everywhere.

    Args:
        column: of parts.
        name: of the part, its column, or its modality where no other part has it.

    Raises:
        ValueError: there is no such part.
    """
    parts = part_names(column)
    known = {part: [part, short_name(part)] for part in parts}
    for part in parts:
        if sum(modality_of(other) == modality_of(part) for other in parts) == 1:
            known[part].append(modality_of(part))
    found = [part for part in parts if name in known[part]]
    if len(found) != 1:
        raise ValueError(f"There is no input {name!r}. The inputs are: {', '.join(map(short_name, parts))}.")
    values = column[found[0]]
    blank = np.empty(len(column), dtype=values.dtype if values.dtype.names else object)
    for field in values.dtype.names or ():
        blank[field] = ""
    if not values.dtype.names:
        blank[:] = ""
    return stack_parts({part: blank if part == found[0] else column[part] for part in parts})


def _is_blank(value: object) -> bool:
    if isinstance(value, str | bytes):
        return not value.strip()
    return not hasattr(value, "__array__") and not isinstance(value, Sequence) and is_missing(value)
