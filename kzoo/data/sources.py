"""Sources: all the forms that data comes in, read into examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from kzoo.data.examples import SPLIT_NAMES, Raw
from kzoo.data.folders import read_folder
from kzoo.data.records import read_dataset, read_tfds, read_tfrecords
from kzoo.data.tables import read_arrays, read_csv, read_frame
from kzoo.specs.task import Task


def read_source(task: Task) -> Raw:
    """What the task's data holds, unchecked.

    Raises:
        TypeError: the form is none that kzoo reads.
        FileNotFoundError: the path is not there.
        ValueError: there is nothing to learn from in it.
    """
    if isinstance(task.data, Mapping):
        return _read_splits(task.data, task)
    return _read(task.data, task)


def _read(data: Any, task: Task) -> Raw:
    if isinstance(data, str) and data.startswith("tfds:"):
        return read_tfds(data.removeprefix("tfds:"), image=task.image, label=task.label)
    if isinstance(data, str | Path):
        return _read_path(str(data), task)
    if isinstance(data, tuple) and len(data) == 2:
        return read_arrays(*data)
    if hasattr(data, "columns") and hasattr(data, "itertuples"):
        return read_frame(data, image=task.image, label=task.label)
    if hasattr(data, "as_dataset") and hasattr(data, "info"):
        return read_tfds(data, image=task.image, label=task.label)
    if isinstance(data, tf.data.Dataset):
        return read_dataset(data, image=task.image, label=task.label)
    raise TypeError(
        "data must be a folder, a .csv, .tsv or .tfrecord file, 'tfds:NAME', a pair of arrays, a DataFrame, a "
        f"tf.data.Dataset, or a dict of splits of these. Got {type(data).__name__}."
    )


def _read_path(data: str, task: Task) -> Raw:
    path = Path(data).expanduser()
    if any(letter in path.name for letter in "*?["):
        return read_tfrecords(sorted(path.parent.glob(path.name)), source=data, image=task.image, label=task.label)
    if not path.exists():
        raise FileNotFoundError(f"There is no data at {data!r} (looked for {path.absolute()}).")
    if path.is_dir():
        records = sorted([*path.glob("*.tfrecord"), *path.glob("*.tfrecord-*")])
        if records:
            return read_tfrecords(records, source=data, image=task.image, label=task.label)
        return read_folder(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        return read_csv(path, image=task.image, label=task.label)
    if ".tfrecord" in path.name:
        return read_tfrecords([path], source=data, image=task.image, label=task.label)
    raise ValueError(
        f"{data!r} is a {path.suffix or 'file without suffix'}: kzoo reads folders, .csv, .tsv, .tfrecord."
    )


def _read_splits(data: Mapping[str, Any], task: Task) -> Raw:
    unknown = [name for name in data if name not in SPLIT_NAMES]
    if unknown or not data:
        raise ValueError(f"The splits of a dict are named train, validation and test. Got {list(data)}.")
    if "train" not in data:
        raise ValueError(f"A dict of splits needs a 'train'. Got {list(data)}.")
    splits, labels, notes, set_aside = {}, None, [], []
    for name, part in data.items():
        raw = _read(part, task)
        if set(raw.splits) != {"all"}:
            raise ValueError(f"The split {name!r} has splits of its own ({', '.join(raw.splits)}): give it as data.")
        if SPLIT_NAMES[name] in splits:
            raise ValueError(f"The split {SPLIT_NAMES[name]!r} is there twice: {', '.join(data)}.")
        splits[SPLIT_NAMES[name]] = raw.splits["all"]
        labels = labels or raw.labels
        notes += raw.notes
        set_aside += raw.set_aside
    return Raw(splits, labels, notes, set_aside)
