"""The record of a run, and the data read again from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kzoo.data.examples import Splits
from kzoo.data.splits import read
from kzoo.specs.seen import TRAINED, Seen
from kzoo.specs.split_sizes import is_number
from kzoo.specs.task import Classification, MultiLabel, Regression, Task

KINDS = {"classification": Classification, "multi_label": MultiLabel, "regression": Regression}


def describe_task(task: Task) -> dict[str, Any]:
    """A task as plain values, for the record; ``data`` is None where it cannot be read again."""
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
    return values


def task_like(record: Mapping[str, Any], data: Any, *, kind: str) -> Task:
    """The task of a record, with other data."""
    values = {**record["task"], "data": data}
    for part in ("validation", "test"):
        # The names of groups, where what gave the groups could not be recorded, say nothing of other data.
        if values["groups"] is None and not is_number(values[part]):
            del values[part]
    return KINDS[kind](**values)


def read_again(record: Mapping[str, Any], *, kind: str, modality: str) -> Splits:
    """The splits of a record, read again from where the data was.

    Raises:
        ValueError: it was in memory, or a function read it, or it has changed.
    """
    data = record["task"]["data"]
    if data is None:
        raise ValueError(
            "The data was in memory or read by a function, and the test split is not in this process: pass other data."
        )
    seen = Seen.restore(record.get("seen_before"))
    splits = read(task_like(record, data, kind=kind), modality, seen=seen)
    if splits.fingerprint() != record["fingerprint"]:
        raise ValueError(f"{data} has changed since training, so its test split is a different one.")
    if not len(splits.test) and (Seen.restore(record["seen"]).sides(splits.train.digests) != TRAINED).any():
        # Without a test split, the training data says whether it is the same.
        raise ValueError(f"{data} has changed since training: its training split is another one now.")
    return splits
