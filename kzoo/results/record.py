"""The task of a record, and the data read again from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from kzoo.data.examples import Splits
from kzoo.data.splits import read
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.seen import TRAINED
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.split_sizes import is_number
from kzoo.specs.task import Task
from kzoo.task_kinds.kind_registry import get_task_kind


def describe_task(task: Task) -> TaskRecord:
    """A task as plain values; ``data`` is None where it cannot be read again."""
    values = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    on_disk = isinstance(task.data, str | Path) and Path(task.data).exists()
    values["data"] = str(Path(task.data).absolute()) if on_disk else None
    if callable(task.label) or not isinstance(task.groups, str | None):
        # A function is no plain value: what it read cannot be read again.
        values |= {"data": None, "label": None if callable(task.label) else task.label, "groups": None}
    for part in ("validation", "test"):
        size = values[part]
        if not is_number(size):
            values[part] = [str(group) for group in size]
        elif not isinstance(size, float | int):
            values[part] = int(size)  # of NumPy
    return TaskRecord(**values)


def task_like(record: TaskRecord, data: object, *, kind: str) -> Task:
    """The task of a record, with other data."""
    values = {**record.as_plain(), "data": data}
    for part in ("validation", "test"):
        # The names of groups, where what gave the groups could not be recorded, say nothing of other data.
        if values["groups"] is None and not is_number(values[part]):
            del values[part]
    return get_task_kind(kind).task(**values)


def read_again(record: RunRecord, *, kind: str, modality: str) -> Splits:
    """The splits of a record, read again from where the data was.

    Raises:
        ValueError: it was in memory, or a function read it, or it has changed.
    """
    data = record.task.data
    if data is None:
        raise ValueError(
            "The test split cannot be read again: the data was in memory or read by a function. Pass other data."
        )
    splits = read(task_like(record.task, data, kind=kind), modality, seen=record.seen_before)
    if splits.fingerprint() != record.fingerprint:
        raise ValueError(f"{data} has changed since training, so its test split is a different one.")
    if not len(splits.test) and (record.seen.sides(splits.train.digests) != TRAINED).any():
        # Without a test split, the training data says whether it is the same.
        raise ValueError(f"{data} has changed since training, so its training split is a different one.")
    return splits
