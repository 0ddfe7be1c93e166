"""Tables and arrays: CSV, DataFrame, NumPy."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.examples import Examples, Raw
from kzoo.data.targets import is_missing

IMAGE_NAMES = ("image", "path", "file", "filename", "filepath", "file_name", "file_path", "image_path", "picture")
LABEL_NAMES = ("label", "labels", "class", "target", "category", "tags", "y")


def read_csv(path: Path, *, image: str | None, label: str | Sequence[str] | None) -> Raw:
    """A table with a header; paths are relative to its folder. UTF-8, with or without a mark."""
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        rows = list(reader)
        columns = list(reader.fieldnames or [])
    if not rows:
        raise ValueError(f"{path} has no rows below its header.")
    table = {name: [row.get(name) for row in rows] for name in columns}
    return _read_columns(table, image=image, label=label, root=path.parent, source=str(path))


def read_frame(frame: Any, *, image: str | None, label: str | Sequence[str] | None) -> Raw:
    """A DataFrame; paths are relative to the working directory."""
    if not len(frame):
        raise ValueError("The DataFrame has no rows.")
    table = {str(name): frame[name].tolist() for name in frame.columns}
    return _read_columns(table, image=image, label=label, root=Path(), source="the DataFrame")


def read_arrays(pictures: Any, targets: Any) -> Raw:
    """Pictures (N, H, W, C) or (N, H, W), or N paths or encoded pictures, and N targets."""
    column = as_column(pictures)
    targets = list(np.asarray(targets)) if hasattr(targets, "__array__") else list(targets)
    if len(column) != len(targets):
        raise ValueError(f"There are {len(column)} pictures but {len(targets)} targets.")
    if not len(column):
        raise ValueError("There are no pictures: the arrays are empty.")
    names = [str(x) if isinstance(x, str) else f"row {index}" for index, x in enumerate(column)]
    return Raw({"all": Examples({"image": column}, targets, names)})


def as_column(pictures: Any) -> np.ndarray:
    """Pictures as an image column of `Examples`: pixels (N, H, W, C), or an object array of paths and bytes.

    Raises:
        ValueError: the pixels have another rank, or are floats within 0..1.
        TypeError: they are neither pixels, nor paths, nor bytes.
    """
    if not hasattr(pictures, "__array__"):
        pictures = list(pictures)
        if not pictures:
            return np.empty(0, dtype=object)
        if isinstance(pictures[0], str | bytes | Path):
            return _paths_and_bytes(pictures)
        if len({np.shape(picture) for picture in pictures}) > 1:
            raise ValueError("Pictures of different sizes cannot be one array: give paths or encoded bytes.")
    column = np.asarray(pictures)
    if column.dtype.kind in "OSU":
        return _paths_and_bytes(column.tolist())
    if column.ndim == 3:
        column = column[..., None]
    if column.ndim != 4 or column.shape[-1] not in (1, 3):
        raise ValueError(f"Pictures must have shape (N, H, W, 3), (N, H, W, 1) or (N, H, W). Got {column.shape}.")
    if column.dtype == np.uint8 or not column.size:
        return column
    low, high = np.nanmin(column), np.nanmax(column)
    if column.dtype.kind == "f" and high <= 1.0:
        raise ValueError("Pictures of floats must be in 0..255. These are within 0..1: multiply them by 255.")
    if low < 0 or high > 255:
        raise ValueError(f"Pictures must be in 0..255. Got {low}..{high}.")
    return column.astype(np.float32 if column.dtype.kind == "f" else np.uint8)


def find_column(names: Sequence[str], wanted: str | None, usual: Sequence[str], *, what: str, source: str) -> str:
    """The name of the column that holds the picture or the target: the one wanted, else the one with a usual name."""
    if wanted is not None:
        if wanted in names:
            return wanted
        raise ValueError(f"{source} has no column {wanted!r}. Its columns: {', '.join(names)}.")
    found = [name for name in names if name.lower().strip() in usual]
    if len(found) == 1:
        return found[0]
    state = f"several could be it: {', '.join(found)}" if found else "none has a usual name"
    raise ValueError(
        f"Say which column of {source} is the {what}, as {what}=NAME ({state}). Columns: {', '.join(names)}."
    )


def _read_columns(
    table: dict[str, list[Any]], *, image: str | None, label: str | Sequence[str] | None, root: Path, source: str
) -> Raw:
    names = list(table)
    picture = find_column(names, image, IMAGE_NAMES, what="image", source=source)
    notes = []
    labels = None
    if label is None or isinstance(label, str):
        target = find_column([n for n in names if n != picture], label, LABEL_NAMES, what="label", source=source)
        targets = table[target]
        if image is None or label is None:
            notes.append(f"Pictures from column {picture!r}, labels from column {target!r}")
    else:
        targets = [
            list(row)
            for row in zip(*(table[find_column(names, n, (), what="label", source=source)] for n in label), strict=True)
        ]
        labels = list(label)
    column = _paths_and_bytes(table[picture], root=root)
    shown = [f"row {index + 2}: {value}" for index, value in enumerate(table[picture])]
    return Raw({"all": Examples({"image": column}, targets, shown)}, labels, notes)


def _paths_and_bytes(values: Sequence[Any], *, root: Path = Path()) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        if isinstance(value, bytes):
            column[index] = value
        elif isinstance(value, str | Path) and str(value):
            column[index] = os.path.abspath(root / Path(value).expanduser())
        elif value == "" or is_missing(value):
            column[index] = b""
        else:
            raise TypeError(f"A picture must be a path or encoded bytes. Got {type(value).__name__} in row {index}.")
    return column
