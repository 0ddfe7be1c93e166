"""Options of training: what `kzoo.adapt` and `kzoo.plan` take besides model, data and input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kzoo.specs.checked_json import Fields
from kzoo.specs.phases import Phase, check_step_value
from kzoo.specs.records.task_record import OptionsRecord
from kzoo.specs.schedule import Schedule

PRECISIONS = ("float32", "mixed_bfloat16")
"""Keras dtype policies to train in. float16 would need its losses scaled."""


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer as plain values.

    Args:
        name: as of `Phase`.
        options: other arguments than the name's defaults, by name.
        learning_rate: None where it was not given.
        weight_decay: None where it was not given.
    """

    name: str
    options: tuple[tuple[str, object], ...] = ()
    learning_rate: float | None = None
    weight_decay: float | None = None

    def values_of(self, phase: Phase) -> Fields:
        """The fields that it changes in a phase. Without a weight decay here, that of the phase stays."""
        values: Fields = {"optimizer": self.name, "optimizer_options": self.options}
        if self.learning_rate is not None:
            values["learning_rate"] = self.learning_rate
        # A phase replaces None by the default of its optimizer.
        return values | {"weight_decay": phase.weight_decay or None if self.weight_decay is None else self.weight_decay}


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained; the arguments of `kzoo.adapt`, checked as far as neither model nor data is needed.

    Args:
        schedule: ``"auto"``, the name of a recipe, a `Schedule`, a `Phase` or a list of these.
        epochs: of each phase that takes gradient steps; None: those of the schedule.
        batch_size: likewise.
        learning_rate: likewise.
        optimizer: a name, a Keras optimizer or an `OptimizerChoice`; None: that of the schedule.
        loss: a Keras loss, its name, or a callable; None: that of the task.
        metrics: Keras metrics or callables.
        monitor: criterion of selection on validation; None: the rule of `kzoo.training.selection`.
        augmentation: a name, a Keras layer or a callable; None: that of the schedule.
        precision: name of a Keras dtype policy; None: each layer's own, which is the global one where it was built.

    Raises:
        ValueError: a value has another type, or is out of range.
    """

    schedule: Any = "auto"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: Any = None
    loss: Any = None
    metrics: Any = ()
    monitor: Any = None
    augmentation: Any = None
    precision: str | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_step_value(name, value))
        if self.precision not in (None, *PRECISIONS):
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, or None. Got {self.precision!r}.")
        several = isinstance(self.metrics, tuple | list)
        object.__setattr__(self, "metrics", tuple(self.metrics) if several else (self.metrics,))

    def change(self, schedule: Schedule) -> Schedule:
        """The schedule with these epochs, batch size, rate and optimizer in each phase that takes gradient steps.

        Args:
            schedule: to change; `optimizer` must be an `OptimizerChoice`, or None.

        Raises:
            ValueError: no phase takes gradient steps, so that an option would have no effect.
        """
        given = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        given = {name: value for name, value in given.items() if value is not None}
        named = {**given, **{name: ... for name in ("optimizer", "loss") if getattr(self, name) is not None}}
        if self.precision == "mixed_bfloat16":
            named["precision"] = ...
        if named and not schedule.takes_steps:
            shown = [name if value is ... else f"{name}={value!r}" for name, value in named.items()]
            raise ValueError(
                f"{', '.join(shown)} would have no effect: schedule {schedule.name!r} is a linear probe and takes "
                "no gradient steps. Pass another schedule, such as 'lp_ft', or omit the option."
            )
        choice = self.optimizer
        return schedule.changed(lambda phase: {**(choice.values_of(phase) if choice else {}), **given})

    def notes(self) -> list[str]:
        """Notes on the options, for a plan."""
        notes = []
        if isinstance(self.optimizer, OptimizerChoice):
            options = ", ".join(f"{name}={value!r}" for name, value in self.optimizer.options)
            notes.append(f"Optimizer: {self.optimizer.name}{f' ({options})' if options else ''}.")
        if self.loss is not None:
            notes.append(f"Loss of gradient steps: {name_of(self.loss)}.")
        if self.precision is not None:
            notes.append(f"Precision of gradient steps: {self.precision}.")
        if self.monitor is not None:
            notes.append(f"Validation selects by: {name_of(self.monitor)}.")
        return notes

    def record(self) -> OptionsRecord:
        """The record of the options, besides the schedule."""
        return OptionsRecord(
            loss=None if self.loss is None else name_of(self.loss),
            metrics=[name_of(metric) for metric in self.metrics],
            precision=self.precision,
            augmentation=None if self.augmentation is None else name_of(self.augmentation),
            monitor=None if self.monitor is None else name_of(self.monitor),
        )


def name_of(value: object) -> str:
    """The name of a loss, a metric or another callable.

    Example:
        >>> name_of(name_of)
        'name_of'
    """
    found = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)
    return str(found or type(value).__name__)
