"""The forms that data comes in: a row each says how it is recognised, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from kzoo.data.examples import RawData
from kzoo.data.sources.bunches import is_bunch, is_columns, open_bunch
from kzoo.data.sources.folders import read_files, read_folder
from kzoo.data.sources.source_query import SourceQuery
from kzoo.data.sources.split_files import read_lines, read_split_files
from kzoo.data.sources.table_files import TABLES
from kzoo.data.sources.tabular import names_of_columns, read_arrays, read_columns, read_frame, read_table
from kzoo.data.sources.tf_data import read_dataset, read_tfds, read_tfrecords
from kzoo.specs.task import UserData


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A form of data: how it is recognised, and how it is read.

    Args:
        name: in messages, such as ``"a DataFrame"``.
        read: from the data (a ``Path`` for paths) and a query to its content.
        open: instead of `read`, from the data to data of another form, or to a dict of splits.
        prefix: of strings that name it, as ``"tfds:"``.
        suffixes: of its files, in lower case, as ``".csv"``.
        accepts: whether a path or an object is of this form.
        columns: from the data to the names of its columns, cheaply; None where they have no names.
    """

    name: str
    read: Callable[[UserData, SourceQuery], RawData] | None = None
    open: Callable[[UserData], UserData] | None = None
    prefix: str = ""
    suffixes: Sequence[str] = ()
    accepts: Callable[[UserData], bool] = lambda data: False
    columns: Callable[[UserData], Sequence[str]] | None = None

    def takes(self, data: UserData) -> bool:
        """Whether the data is of this form."""
        if isinstance(data, str):
            return bool(self.prefix) and data.startswith(self.prefix)
        if isinstance(data, Path) and data.suffix.lower() in self.suffixes:
            return True
        return bool(self.accepts(data))


def find_source(data: UserData) -> tuple[DataSource | None, UserData]:
    """The source of some data, None where kzoo reads no such data; and the data, a path as a ``Path``."""
    if isinstance(data, str) and not any(each.takes(data) for each in SOURCES):
        data = Path(data)
    data = data.expanduser() if isinstance(data, Path) else data
    return next((each for each in SOURCES if each.takes(data)), None), data


def register_source(
    read: Callable[[UserData], UserData], *, prefix: str = "", suffixes: Sequence[str] = (), name: str | None = None
) -> None:
    """Adds a form of data, for all verbs.

    Args:
        read: from a string that begins with `prefix`, without the prefix, or from the ``pathlib.Path`` of a file with
            one of `suffixes`, to data that kzoo reads: a pair ``(inputs, targets)``, a DataFrame, a
            ``tf.data.Dataset``, or a dict of splits of these. Inputs may be encoded files (bytes).
        prefix: as ``"db:"``.
        suffixes: as ``(".tar",)``.
        name: in messages. None: its prefix or suffixes.

    Raises:
        ValueError: neither prefix nor suffixes are given, or they are registered already.
        TypeError: `read` cannot be called.

    Example:
        >>> import numpy as np
        >>> def read_npz(path):
        ...     with np.load(path) as file:
        ...         return file["images"], file["labels"]
        >>> register_source(read_npz, suffixes=".npz", name="a .npz file")
        >>> find_source("digits.npz")[0].name
        'a .npz file'
        >>> _ = SOURCES.pop()
    """
    if not callable(read):
        raise TypeError(f"register_source needs a callable. Got {read!r}.")
    suffixes = (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)
    if not (prefix or suffixes):
        raise ValueError("register_source needs a prefix such as 'db:', or suffixes such as ('.tar',).")
    taken = [each for each in (prefix, *suffixes) if each and each.lower() in {*_prefixes(), *known_suffixes()}]
    if taken:
        raise ValueError(f"{taken[0]!r} is registered already. Choose another prefix or suffix.")

    def opened(data: UserData) -> UserData:
        return read(data.removeprefix(prefix) if isinstance(data, str) else data)

    shown = name or " or ".join(repr(each) for each in (prefix, *suffixes) if each)
    lowered = tuple(each.lower() for each in suffixes)
    SOURCES.append(DataSource(name=shown, open=opened, prefix=prefix, suffixes=lowered))


def _prefixes() -> list[str]:
    return [each.prefix for each in SOURCES if each.prefix]


def known_suffixes() -> list[str]:
    """Suffixes of files that are read, but for those of TFRecords."""
    return [suffix for each in SOURCES for suffix in each.suffixes]


def _is_pattern(data: UserData) -> bool:
    return isinstance(data, Path) and any(letter in data.name for letter in "*?[") and not data.exists()


def _records_in(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.tfrecord"), *folder.glob("*.tfrecord-*")])


def _has_records(data: UserData) -> bool:
    return isinstance(data, Path) and data.is_dir() and bool(_records_in(data))


def _read_directory(folder: Path, wanted: SourceQuery) -> RawData:
    if wanted.labelled:
        return read_split_files(folder, wanted) or read_folder(folder, wanted)
    found = read_files(folder, wanted)
    records = [] if found else sorted(folder.rglob("*.tfrecord*"))
    if not (found or records):
        raise ValueError(f"{folder} has no files with the suffixes {', '.join(wanted.modality.suffixes)}.")
    return found or read_tfrecords(records, wanted, source=str(folder))


SOURCES = [
    DataSource(
        name="'tfds:NAME'",
        prefix="tfds:",
        read=lambda data, wanted: read_tfds(data.removeprefix("tfds:"), wanted),
    ),
    DataSource(
        name="a pattern of .tfrecord files",
        accepts=_is_pattern,
        read=lambda data, wanted: read_tfrecords(sorted(data.parent.glob(data.name)), wanted, source=str(data)),
    ),
    DataSource(
        name="a folder of .tfrecord files",
        accepts=_has_records,
        read=lambda data, wanted: read_tfrecords(_records_in(data), wanted, source=str(data)),
    ),
    DataSource(
        name="a folder",
        accepts=lambda data: isinstance(data, Path) and data.is_dir(),
        read=_read_directory,
    ),
    DataSource(
        name=f"a {', '.join(TABLES)} file",
        suffixes=TABLES,
        read=read_table,
        columns=names_of_columns,
    ),
    DataSource(
        name="a .tfrecord file",
        accepts=lambda data: isinstance(data, Path) and ".tfrecord" in data.name,
        read=lambda data, wanted: read_tfrecords([data], wanted, source=str(data)),
    ),
    DataSource(
        name="a .txt file of unlabelled texts, one a line",
        suffixes=(".txt",),
        read=read_lines,
    ),
    DataSource(
        name="a pair of arrays",
        accepts=lambda data: isinstance(data, tuple) and len(data) == 2,
        read=lambda data, wanted: read_arrays(data[0], data[1], wanted),
    ),
    DataSource(
        name="a DataFrame",
        accepts=lambda data: hasattr(data, "columns") and hasattr(data, "itertuples"),
        read=read_frame,
        columns=lambda data: [str(name) for name in data.columns],
    ),
    DataSource(
        name="the result of a load_* function of scikit-learn",
        accepts=is_bunch,
        read=lambda data, wanted: read_columns(open_bunch(data), wanted),
        columns=lambda data: list(open_bunch(data)),
    ),
    DataSource(
        name="a dict of columns",
        accepts=is_columns,
        read=read_columns,
        columns=lambda data: [str(name) for name in data],
    ),
    DataSource(
        name="a TensorFlow Datasets builder",
        accepts=lambda data: hasattr(data, "as_dataset") and hasattr(data, "info"),
        read=read_tfds,
    ),
    DataSource(
        name="a tf.data.Dataset",
        accepts=lambda data: isinstance(data, tf.data.Dataset),
        read=read_dataset,
    ),
]
"""All forms of data, the first that takes it first. `register_source` adds one."""
