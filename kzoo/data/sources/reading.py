"""All forms of data, read into examples: picks the reader of a source."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from kzoo.data.examples import SPLIT_NAMES, RawData
from kzoo.data.seams import Modality
from kzoo.data.sources.forms import SOURCES, find_source, known_suffixes
from kzoo.data.sources.source_query import SourceQuery
from kzoo.specs.catalog.modality import MODALITY_SPECS
from kzoo.specs.task import Task, UserData


def read_source(task: Task, modality: Modality, *, labelled: bool = True) -> RawData:
    """The content of the task's data, unchecked.

    Args:
        task: the data.
        modality: of its inputs.
        labelled: whether targets are looked for; without, they are None.

    Raises:
        TypeError: kzoo does not read data of this form.
        FileNotFoundError: the path is not there.
        ValueError: there is nothing to learn from in it.
    """
    name = getattr(task, modality.name, None)
    parts = {each: given for each in MODALITY_SPECS if (given := getattr(task, each, None))}
    one = [name] if isinstance(name, str) else name if isinstance(name, list | tuple) else None
    wanted = SourceQuery(modality, one, task.label, task.groups, labelled, parts if modality.choose else {})
    raw = _read_splits(task.data, wanted) if is_splits(task.data) else read_data(task.data, wanted)
    for split, examples in raw.splits.items():
        if wanted.groups is not None and len(examples.groups) != len(examples):
            raise ValueError(
                f"groups= cannot be used with {type(task.data).__name__} data. The split {split!r} has no groups."
            )
    if len(raw.splits) > 1 and not (isinstance(wanted.groups, str | None) or callable(wanted.groups)):
        raise ValueError(_ONE_SPLIT)
    return raw


_ONE_SPLIT = (
    "groups must be the name of a column, or a function of a path, because the data has splits. A list does not say "
    "which split its values belong to."
)


def is_splits(data: UserData) -> bool:
    """Whether some data is a dict of splits, and not one of columns."""
    return isinstance(data, Mapping) and find_source(data)[0] is None


def read_data(data: UserData, wanted: SourceQuery) -> RawData:
    """The content of one source of any kind, unchecked.

    Raises:
        OSError: a file or a folder may not be read, or is damaged.
        TypeError: see `read_source`.
        ValueError: see `read_source`.
    """
    shown = repr(data) if isinstance(data, str | Path) else f"the {type(data).__name__}"
    try:
        return _read(data, wanted)
    except PermissionError as error:
        raise PermissionError(
            f"{error.filename or shown} cannot be read: permission denied. Change its permissions, or copy the data."
        ) from error
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0][:200]
        raise OSError(f"{shown} could not be read. A file may be missing or damaged: {reason}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{shown} contains a damaged archive. Delete it and download it again. {error}") from error


def _read(data: UserData, wanted: SourceQuery) -> RawData:
    if isinstance(data, tuple | list) and any(isinstance(part, tf.data.Dataset) for part in data):
        raise TypeError("Several datasets must be passed as a dict of splits: {'train': ..., 'validation': ...}.")
    source, found = find_source(data)
    if source and source.read:
        return source.read(found, wanted)
    if source and source.open:
        content = source.open(found)
        return _read_splits(content, wanted) if is_splits(content) else _read(content, wanted)
    if not isinstance(found, Path):
        forms = ", ".join(each.name for each in SOURCES)
        raise TypeError(f"data must be one of: {forms}; or a dict of splits of these. Got {type(data).__name__}.")
    if not found.exists():
        raise FileNotFoundError(f"There is no data at {str(data)!r}. The absolute path is {found.absolute()}.")
    raise ValueError(
        f"{str(data)!r} is a {found.suffix or 'file without suffix'}. kzoo reads folders and files with the suffixes "
        f"{', '.join([*known_suffixes(), '.tfrecord'])}."
    )


def _read_splits(data: Mapping[str, UserData], wanted: SourceQuery) -> RawData:
    unknown = [name for name in data if name not in SPLIT_NAMES]
    if unknown or not data:
        raise ValueError(f"The splits of a dict must be named train, validation and test. Got {list(data)}.")
    if "train" not in data:
        raise ValueError(f"A dict of splits must have 'train'. Got {list(data)}.")
    splits, labels, notes, set_aside = {}, None, [], []
    for name, part in data.items():
        if not (isinstance(wanted.groups, str | None) or callable(wanted.groups)):
            raise ValueError(_ONE_SPLIT)
        raw = read_data(part, wanted)
        if set(raw.splits) != {"all"}:
            raise ValueError(
                f"The split {name!r} has splits itself: {', '.join(raw.splits)}. Pass it as data= without a dict."
            )
        if SPLIT_NAMES[name] in splits:
            raise ValueError(f"The split {SPLIT_NAMES[name]!r} appears twice in the dict: {', '.join(data)}.")
        splits[SPLIT_NAMES[name]] = raw.splits["all"]
        if labels and raw.labels and list(labels) != list(raw.labels):
            raise ValueError(
                f"All splits must have the same classes. Got {list(labels)}, and {raw.labels} in {name!r}."
            )
        labels = labels or raw.labels
        notes += raw.notes
        set_aside += raw.set_aside
    return RawData(splits, labels, notes, set_aside)
