"""Columns of encoded files: paths and contents side by side, read inside tf.data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from kzoo.core.raw_targets import is_missing
from kzoo.core.tensors import Tensor
from kzoo.specs.task import UserData


def open_file(path: Path) -> str:
    """A file, as a path: it is read when it is needed."""
    return os.path.abspath(path)


def collect_files(
    values: Sequence[object], *, root: Path, wanted: str, encode: Callable[[object], bytes | None] = lambda value: None
) -> np.ndarray:
    """Paths and encoded files as a column, an object array (N,) of strings and bytes; empty bytes for what is missing.

    Args:
        values: paths, encoded files, or other values for `encode`.
        root: folder of relative paths.
        wanted: the first sentence of the error message, which says what a value must be.
        encode: from another value to an encoded file, or None where it cannot be encoded.

    Raises:
        TypeError: a value is neither.
    """
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        if isinstance(value, bytes):
            column[index] = value
        elif isinstance(value, str | Path) and str(value):
            column[index] = os.path.abspath(root / Path(value).expanduser())
        elif (encoded := encode(value)) is not None:
            column[index] = encoded
        elif isinstance(value, str) or (not hasattr(value, "__array__") and is_missing(value)):
            column[index] = b""
        else:
            raise TypeError(f"{wanted}. Got {type(value).__name__} in row {index}.")
    return column


def refuse_missing_files(column: np.ndarray, values: Collection[object], *, root: Path, source: str) -> None:
    """Raises where a column has paths, and none of them exists.

    Args:
        column: of `collect_files`.
        values: those that the user gave; None for each that is not a path.
        root: folder of relative paths.
        source: name of the column in the message.

    Raises:
        FileNotFoundError: no path exists.
    """
    if column.dtype != object:
        return
    pairs = zip(values, column, strict=False)
    paths = [(value, path) for value, path in pairs if isinstance(value, str | Path) and isinstance(path, str)]
    if paths and not any(os.path.exists(path) for _, path in paths):
        value, path = paths[0]
        raise FileNotFoundError(
            f"No file of {source} exists. The first, {str(value)!r}, was expected at {path}. Paths are relative to "
            f"{root.absolute()}."
        )


def list_files(source: UserData, suffixes: Sequence[str]) -> UserData:
    """The files of a folder, in order; a list of one file; anything else as it is."""
    if isinstance(source, str | Path) and Path(source).is_dir():
        return sorted(path for path in Path(source).rglob("*") if path.suffix.lower() in suffixes)
    return [source] if isinstance(source, str | bytes | Path) else source


def name_files(column: np.ndarray, noun: str) -> list[str]:
    """The name of each file: its path, or its number."""
    return [value if isinstance(value, str) else f"{noun} {index}" for index, value in enumerate(column)]


def load(file: str | bytes) -> bytes:
    """The content of a path, or the content itself."""
    return file if isinstance(file, bytes) else Path(file).read_bytes()


def stamp(file: str | bytes) -> tuple[int, int, int, int, int]:
    """Size, times of modification and of change, inode, and the time now, in nanoseconds; zeros for a content.

    Raises:
        OSError: the path is not there.
    """
    if isinstance(file, bytes):
        return (0, 0, 0, 0, 0)
    found = os.stat(file)
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, time.time_ns())


@dataclass(frozen=True)
class FileColumn:
    """A column of files for tf.data.

    Args:
        column: object array (N,) of paths and bytes.
    """

    column: np.ndarray

    def read(self, index: Tensor) -> Tensor:
        """The content of one, scalar string; `index` is an int64 scalar."""
        value = tf.gather(self.values, index)
        return tf.cond(tf.gather(self.are_paths, index), lambda: tf.io.read_file(value), lambda: value)

    @cached_property
    def values(self) -> Tensor:
        """Paths, of any encoding, and contents: string (N,)."""
        with tf.init_scope():
            return tf.constant([os.fsencode(value) for value in self.column])

    @cached_property
    def are_paths(self) -> Tensor:
        """Which of them are paths, bool (N,)."""
        with tf.init_scope():
            return tf.constant([isinstance(value, str) for value in self.column], tf.bool)
