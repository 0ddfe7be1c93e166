"""Image columns: pictures as a user has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.files import collect_files, list_files, name_files
from kzoo.data.image import SUFFIXES


def collect_pictures(pictures: Any, *, root: Path = Path()) -> np.ndarray:
    """Pictures as an image column of `Examples`: pixels (N, H, W, C), or an object array of paths and bytes.

    Pixels of several sizes are kept as lossless PNG.

    Args:
        pictures: pixels, or paths and encoded pictures; None and the like where there is none.
        root: what paths are relative to.

    Raises:
        ValueError: the pixels have another rank, or are floats within 0..1.
        TypeError: they are neither pixels, nor paths, nor bytes.
    """
    if not hasattr(pictures, "__array__"):
        pictures = list(pictures)
        if not pictures:
            return np.empty(0, dtype=object)
        if any(isinstance(picture, str | bytes | Path) or np.ndim(picture) == 0 for picture in pictures):
            return _files(pictures, root=root)
        if len({np.shape(picture) for picture in pictures}) > 1:
            return _files([_encode(np.asarray(picture)) for picture in pictures], root=root)
    column = np.asarray(pictures)
    if column.dtype.kind in "OSU":
        return _files(column.tolist(), root=root)
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


def ask_pictures(pictures: Any) -> tuple[np.ndarray, list[str]]:
    """An image column and names, of what a user has at hand: a path, a folder, bytes, pixels, or a list of these."""
    pictures = list_files(pictures, SUFFIXES)
    if hasattr(pictures, "ndim") and pictures.ndim == 3 and pictures.shape[-1] in (1, 3):
        pictures = pictures[None]
    column = collect_pictures(pictures)
    return column, name_files(column, "picture")


def _files(values: Sequence[Any], *, root: Path) -> np.ndarray:
    return collect_files(values, root=root, wanted="A picture must be a path or encoded bytes")


def _encode(picture: np.ndarray) -> bytes:
    if picture.dtype != np.uint8 and not np.array_equal(picture, np.round(picture)):
        raise ValueError("Pictures of different sizes must be uint8, or floats that are whole numbers in 0..255.")
    if picture.size and (picture.min() < 0 or picture.max() > 255):
        raise ValueError(f"Pictures must be in 0..255. Got {picture.min()}..{picture.max()}.")
    return tf.io.encode_png(picture.astype(np.uint8)).numpy()
