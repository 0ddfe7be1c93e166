"""Thumbnails, excerpts and attributes of each part of examples of several inputs, for pages and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kzoo.data.multimodal.parts import find_present, modality_of, part_names, short_name
from kzoo.data.seams import Modality


def make_thumbnail(known: Mapping[str, Modality], value: Any) -> bytes | None:
    """A small JPEG of the first part that can be seen, or None."""
    for part in value.dtype.names:
        make = known[modality_of(part)].thumbnail
        if make and _has(value, part) and (found := make(value[part])):
            return found
    return None


def cut_excerpt(known: Mapping[str, Modality], value: Any) -> tuple[str, bytes] | None:
    """An excerpt of the first part that has one: a media type and bytes; or None."""
    for part in value.dtype.names:
        cut = known[modality_of(part)].excerpt
        if cut and _has(value, part) and (found := cut(value[part])):
            return found
    return None


def describe_parts(known: Mapping[str, Modality], column: np.ndarray) -> dict[str, np.ndarray]:
    """What can be measured of each part, by name; and of parts that some lack, whether they are there."""
    found: dict[str, np.ndarray] = {}
    for part in part_names(column):
        values, there = column[part], find_present(column[part])
        if not there.all():
            found[part] = np.where(there, "there", "missing").astype(object)
        describe = known[modality_of(part)].attributes
        if describe is None or not there.any():
            continue
        for name, measured in describe(values[there]).items():
            blank: Any = np.nan if measured.dtype.kind == "f" else ""
            spread = np.full(len(column), blank, dtype=measured.dtype)
            spread[there] = measured
            found[f"{short_name(part)} {name}"] = spread
    return found


def _has(value: Any, part: str) -> bool:
    return bool(find_present(np.array([value], dtype=value.dtype)[part])[0])
