"""The task and the options of a run, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kzoo.specs.checked_json import Check, Fields, anything, checked, either, flag, maybe, number
from kzoo.specs.records.plain_values import NAME, NAMES, by_name, freeze, plain, required

_OF_SEVERAL = ("tasks", "several", "name")
"""Fields that say of several tasks what one does not have."""

_SIZE = either(number(0, 1 << 53), NAMES)


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """The task of a run, as plain values; see `kzoo.Classification` for details.

    Args:
        data: absolute path of the data; None for data in memory or from a function.
        image: name of the column of images.
        text: of texts.
        audio: of recordings, or True.
        series: of series, or True.
        row: names of the columns of rows, or True. Of examples of several inputs, each may be several names.
        label: name of the column, or columns, of targets; None where a function gave them.
        groups: name of the column of groups; None where a function or a list gave them.
        labels: names of the classes, where the task gave them.
        validation: share in (0, 1), number of examples, 0, or names of groups.
        test: likewise.
        seed: of the split.
        strict: whether dirty data was refused.
        separator: between labels, of a MultiLabel.
        tasks: each of a MultiTask, by name, whose own other fields say nothing; None for one task. Of a model of one
            of several tasks: all of them, beside its own fields.
        several: kind of all tasks, of a model of one of them; else None.
        name: of the task, likewise.
    """

    data: str | None
    image: str | Sequence[str] | None = None
    text: str | Sequence[str] | None = None
    audio: str | Sequence[str] | bool | None = None
    row: str | Sequence[str] | bool | None = None
    series: str | Sequence[str] | bool | None = None
    label: str | Sequence[str] | None = None
    groups: str | None = None
    labels: Sequence[str] | None = None
    validation: float | int | Sequence[str] = 0.1
    test: float | int | Sequence[str] = 0.1
    seed: int = 0
    strict: bool = False
    separator: str | None = None
    tasks: Mapping[str, TaskRecord] | None = None
    several: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        found = plain(self, without_none=("row", "series", "separator", *_OF_SEVERAL))
        if self.tasks is not None:
            found["tasks"] = {name: task.as_plain() for name, task in self.tasks.items()}
        return found

    def own(self) -> Fields:
        """Plain values of the fields of one task."""
        return {name: value for name, value in self.as_plain().items() if name not in _OF_SEVERAL}

    @classmethod
    def restore(cls, values: object, name: str = "task") -> TaskRecord:
        """Reads plain values of `as_plain`; raises ValueError for others."""
        checks: dict[str, Check] = {
            **{each: maybe(NAME) for each in ("data", "groups", "separator", "several", "name")},
            **{each: maybe(either(NAME, NAMES)) for each in ("image", "text")},
            **{each: maybe(either(flag, NAME, NAMES)) for each in ("audio", "row", "series")},
            "label": maybe(either(NAME, NAMES)),
            "labels": maybe(NAMES),
            "validation": _SIZE,
            "test": _SIZE,
            "seed": anything,
            "strict": flag,
            "tasks": maybe(by_name(TaskRecord.restore)),
        }
        return cls(**checked(values, checks, name=name, needed=required(cls)))


@dataclass(frozen=True, kw_only=True)
class OptionsRecord:
    """Options of training beside the schedule, by their names; see `kzoo.adapt`.

    Args:
        loss: None for that of the task.
        metrics: of the user's.
        precision: a Keras dtype policy; None for that of each layer.
        augmentation: None for that of the schedule.
        monitor: criterion of selection on validation; None for the rule of `kzoo.training.selection`.
    """

    loss: str | None = None
    metrics: Sequence[str] = ()
    precision: str | None = None
    augmentation: str | None = None
    monitor: str | None = None

    def __post_init__(self) -> None:
        freeze(self)

    @classmethod
    def restore(cls, values: object, name: str = "options") -> OptionsRecord:
        """Reads plain values of `RunRecord.as_plain`; raises ValueError for others."""
        checks: dict[str, Check] = dict.fromkeys(("loss", "precision", "augmentation", "monitor"), maybe(NAME))
        return cls(**checked(values, {**checks, "metrics": NAMES}, name=name))
