"""The task of a record, and the data read again from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from kzoo.data.examples import Splits
from kzoo.data.tasks.joint_reading import own_splits, read_any
from kzoo.specs.records.run_record import RunRecord
from kzoo.specs.records.seen import TRAINED
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.split_sizes import is_number
from kzoo.specs.task import MultiTask, Task
from kzoo.task_kinds.kind_names import own_labels
from kzoo.task_kinds.kind_registry import get_task_kind

NOT_THERE = "The test split cannot be read again: the data was in memory or read by a function. Pass other data."
"""What stands in an error where data is wanted that nobody can read."""


def describe_task(task: Task | MultiTask) -> TaskRecord:
    """A task, or several, as plain values; ``data`` is None where it cannot be read again."""
    if isinstance(task, MultiTask):
        return TaskRecord(data=None, tasks={name: describe_task(each) for name, each in task.tasks.items()})
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
    values = {**record.own(), "data": data}
    for part in ("validation", "test"):
        # The names of groups, where what gave the groups could not be recorded, say nothing of other data.
        if values["groups"] is None and not is_number(values[part]):
            del values[part]
    return get_task_kind(kind).task(**values)


def tasks_like(record: TaskRecord, *, kind: str) -> MultiTask:
    """The tasks of a record, with their data.

    Raises:
        ValueError: some of it was in memory, or read by a function.
    """
    found, tasks = get_task_kind(kind), record.tasks or {}
    parts = found.parts
    if any(tasks[part.name].data is None for part in parts):
        raise ValueError(NOT_THERE)
    return MultiTask(
        {part.name: task_like(tasks[part.name], tasks[part.name].data, kind=part.kind.name) for part in parts},
        weights=found.weighing or {part.name: part.weight for part in parts},
    )


def read_again(record: RunRecord, *, kind: str, modality: str) -> Splits:
    """The splits of a record, read again from where the data was.

    Raises:
        ValueError: it was in memory, or a function read it, or it has changed.
    """
    data, several = record.task.data, record.task.several
    if record.task.tasks is not None:
        task = tasks_like(record.task, kind=several or kind)
        data = ", ".join(dict.fromkeys(str(each.data) for each in task.tasks.values()))
    elif data is None:
        raise ValueError(NOT_THERE)
    else:
        task = task_like(record.task, data, kind=kind)
    splits, found = read_any(task, modality, seen=record.seen_before)
    prints = {splits.fingerprint()}
    if several:
        part = next(part for part in found.parts if part.name == record.task.name)
        splits = own_splits(splits, part, own_labels(splits.labels, part))
        # One of the tasks of a loaded model has the fingerprint of all of them.
        prints.add(splits.fingerprint())
    if record.fingerprint not in prints:
        raise ValueError(f"{data} has changed since training, so its test split is a different one.")
    if not len(splits.test) and (splits.train.sides(record.seen) != TRAINED).any():
        # Without a test split, the training data says whether it is the same.
        raise ValueError(f"{data} has changed since training, so its training split is a different one.")
    return splits
