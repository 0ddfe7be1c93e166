"""The earlier tasks of a model that is adapted to a next one: their outputs, examples and head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from kzoo.data.examples import WARNING, Splits
from kzoo.data.tasks.earlier_examples import join_earlier
from kzoo.models.assembly import Assembled
from kzoo.models.heads import Standardize
from kzoo.models.weights import digest_of
from kzoo.results.adapted import Adapted
from kzoo.results.files.loading import load
from kzoo.results.record import describe_task
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.registry import cards
from kzoo.specs.task import MultiTask, Task
from kzoo.task_kinds.kind_names import join_labels, name_of, own_labels
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import KindPart, Scale, TaskKind

HEADS, OUTPUTS, EXAMPLES, BOTH = "heads", "outputs", "examples", "both"
REMEMBER = (HEADS, OUTPUTS, EXAMPLES, BOTH)
"""What `kzoo.adapt(remember=)` takes, besides None."""


@dataclass(frozen=True)
class KeptTasks:
    """The earlier tasks of a model, and how they are remembered.

    Args:
        earlier: the model that was adapted to them.
        how: a value of `REMEMBER`.
        splits: their data; None where it is not in this process and cannot be read again.
    """

    earlier: Adapted
    how: str
    splits: Splits | None

    @property
    def outputs(self) -> int:
        """Number of outputs of the earlier tasks. They come first."""
        return len(self.earlier.labels)

    @property
    def by_outputs(self) -> bool:
        """Whether gradient steps keep the outputs on new examples near to those of the earlier model."""
        return self.how in (OUTPUTS, BOTH)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the weights of the earlier model, and the temperature of its probabilities."""
        return f"{digest_of(self.earlier.network.get_weights())} {self.earlier.temperature!r}"

    def join(
        self, splits: Splits, kind: TaskKind, task: Task | MultiTask, *, seed: int
    ) -> tuple[Splits, TaskKind, TaskRecord]:
        """Splits, kind and record of all tasks, the earlier ones first.

        Args:
            splits: of the next task, or tasks.
            kind: of these.
            task: these.
            seed: of the earlier training examples that are trained on again.
        """
        own, number = get_task_kind(self.earlier.kind), len(self._parts()) + 1
        new = _renamed(kind, f"task{number}", outputs=len(splits.labels))
        labels = {part.name: own_labels(self.earlier.labels, part) for part in self._parts()}
        if twice := sorted(set(labels) & {part.name for part in new}):
            raise ValueError(f"An earlier task has the name {twice[0]!r} already. Give the new one another name.")
        labels |= {part.name: own_labels(splits.labels, part) for part in new}
        rehearsed = len(splits.train) if self.how in (EXAMPLES, BOTH) else 0
        together = partial(join_earlier, splits, kind, before=self.outputs, rehearsed=rehearsed, seed=seed)
        try:
            joined, lost = together(self.splits, own), self.splits is None
        except ValueError as error:
            if rehearsed:
                raise ValueError(
                    f"remember={self.how!r} needs earlier examples in the form of the new ones. {error}"
                ) from error
            joined, lost = together(None, own), True
        shifted = [replace(part, start=part.start + self.outputs, stop=part.stop + self.outputs) for part in new]
        found = get_task_kind(name_of([*self._parts(), *shifted], weighing=kind.weighing or own.weighing))
        notes = [*self._notes(joined, lost=lost), *joined.audit.notes]
        joined = replace(joined, labels=join_labels(labels), audit=replace(joined.audit, notes=notes))
        return joined, found, self._record(describe_task(task), new)

    def scale(self, scale: Scale | None) -> Scale | None:
        """Mean and deviation of the targets of all tasks: those of the earlier ones are as they were."""
        own = self.earlier.scale
        if scale is None and own is None:
            return None
        mean, deviation = scale or ([0.0] * self.outputs, [1.0] * self.outputs)
        before = own or ([0.0] * self.outputs, [1.0] * self.outputs)
        return [*before[0], *mean[self.outputs :]], [*before[1], *deviation[self.outputs :]]

    def put_head_in(self, assembled: Assembled) -> None:
        """Puts the weights of the earlier head into a head that has its outputs and further ones."""
        standard, dense = linear_layers(self.earlier.network)
        own_standard, own_dense = linear_layers(assembled.model)
        own_standard.set_weights(standard.get_weights())
        found = own_dense.get_weights()
        for new, kept in zip(found, dense.get_weights(), strict=True):
            new[..., : self.outputs] = kept / self.earlier.temperature
        own_dense.set_weights(found)

    def teacher(self) -> keras.Model:
        """The earlier model, from its input to the logits that `put_head_in` keeps."""
        network, temperature = self.earlier.network, self.earlier.temperature
        logits = network.output
        if temperature != 1:
            logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name="earlier_calibration")(logits)
        return keras.Model(network.input, logits, name=f"{self.earlier.card.name}_earlier")

    def _parts(self) -> Sequence[KindPart]:
        kind = get_task_kind(self.earlier.kind)
        return _renamed(kind, self.earlier.record.task.name or "task1", outputs=self.outputs)

    def _notes(self, splits: Splits, *, lost: bool) -> list[str]:
        names = ", ".join(part.name for part in self._parts())
        if lost:
            return [
                f"{WARNING}: the data of {names} cannot be read again, or has another form: whether it is forgotten is "
                "not measured"
            ]
        known = [~np.isnan(getattr(splits, name).targets[:, : self.outputs]).all(axis=1) for name in ("train", "test")]
        return [f"{names}: kept, trained on {known[0].sum():,} and tested on {known[1].sum():,} earlier examples"]

    def _record(self, task: TaskRecord, new: Sequence[KindPart]) -> TaskRecord:
        """All tasks as one record. Their splits cannot be made again from it."""
        before = self.earlier.record.task
        tasks = before.tasks if before.several is None and before.tasks else {self._parts()[0].name: before}
        added = task.tasks or {new[0].name: task}
        return TaskRecord(data=None, tasks={**{name: _unread(each) for name, each in tasks.items()}, **added})


def kept_tasks(model: object, how: str | None, *, refused: Sequence[str]) -> KeptTasks | None:
    """The earlier tasks of a model that are to be remembered; None where `how` is None.

    Args:
        model: as of `kzoo.adapt`.
        how: as of its ``remember``.
        refused: its arguments that were given and would change what the earlier head sees.

    Raises:
        TypeError: the model has no earlier task.
        ValueError: its head cannot be kept, an argument cannot be used with it, or earlier examples are not there.
    """
    if how is None:
        return None
    if how not in REMEMBER:
        raise ValueError(f"remember must be one of {', '.join(REMEMBER)}, or None. Got {how!r}.")
    if isinstance(model, str | Path) and str(model) not in cards() and Path(model).is_dir():
        model = load(model)
    if not isinstance(model, Adapted):
        raise TypeError(f"remember= keeps the tasks of what kzoo.adapt returned. Got {type(model).__name__}.")
    if refused:
        raise ValueError(
            f"remember={how!r} keeps the earlier heads, which need the input and the features that they have learned "
            f"from. Leave out {', '.join(f'{name}=' for name in refused)}."
        )
    if not model.head.linear or hasattr(model.preprocessor, "parts"):
        raise ValueError(
            "remember= keeps heads of kind 'mlp' without hidden layers, of one input. This model has "
            + ("several inputs." if hasattr(model.preprocessor, "parts") else f"the head {model.head}.")
        )
    linear_layers(model.network)
    try:
        splits = model.splits()
    except (ValueError, OSError) as error:
        if how in (EXAMPLES, BOTH):
            raise ValueError(f"remember={how!r} needs the earlier examples. {error} Or use 'outputs'.") from error
        splits = None
    return KeptTasks(model, how, splits)


def linear_layers(network: keras.Model) -> tuple[keras.layers.Layer, keras.layers.Dense]:
    """The two layers of a linear head: the one that standardises, and the dense one, which is last.

    Raises:
        ValueError: the head has others.
    """
    last = network.layers[-1]
    standard = [layer for layer in network.layers if isinstance(layer, Standardize)]
    if not isinstance(last, keras.layers.Dense) or len(standard) != 1:
        raise ValueError("remember= keeps linear heads. The last layers of this model are others.")
    return standard[0], last


def _renamed(kind: TaskKind, name: str, *, outputs: int) -> Sequence[KindPart]:
    """The parts of a kind; a single one by this name."""
    return kind.parts or [KindPart(name=name, kind=kind, start=0, stop=outputs)]


def _unread(task: TaskRecord) -> TaskRecord:
    return replace(task, data=None, tasks=None, several=None, name=None)
