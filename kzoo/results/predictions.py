"""`Predictions`: what `Adapted.predict` returns."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np

from kzoo.core.tables import LARGEST, Table
from kzoo.evaluation.answer_limits import LimitedAnswers
from kzoo.results.thumbnails import Thumbnails
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import Label

MOST = 10
"""Outputs that a table shows in a column each."""

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Prediction:
    """The prediction for one input.

    Args:
        name: of the input: its path, or its number.
        label: a label; a tuple of labels for a MultiLabel; the values as text for a Regression; None with an error.
        outputs: probability of each label, or the values of a Regression; NaN with an error.
        error: why the input could not be read, or None.
        answered: whether a model with a threshold is sure enough of `label`; None without a threshold.
        unlike_training: whether the input is unlike anything in training; None where the model does not tell.
    """

    name: str
    label: Label | None
    outputs: Mapping[str, float]
    error: str | None = None
    answered: bool | None = None
    unlike_training: bool | None = None

    @property
    def probability(self) -> float:
        """The largest of `outputs`: of a Classification, the probability of `label`."""
        return max(self.outputs.values())


@dataclass(frozen=True, repr=False)
class Predictions:
    """Predictions for some inputs, in their order.

    ``predictions[0]`` is one `Prediction`, a slice is a `Predictions`, and a loop goes over single ones.

    Args:
        names: of the inputs: their paths, or their numbers.
        labels: a label each; a tuple of labels for a MultiLabel; None where the input could not be read.
        outputs: probabilities, or values of a Regression, float32 (N, outputs); NaN where the input could not be read.
        columns: names of the outputs.
        errors: why some inputs could not be read, by name.
        noun: what an input is called.
        kind: of the task, as ``"classification"``.
        thumbnails: of the inputs, where these are images; a notebook shows them.
        limited: what the model's limits say of each answer, see `kzoo.Adapted.with_limits`; None without limits.
    """

    names: Sequence[str]
    labels: Sequence[Label | None]
    outputs: np.ndarray
    columns: Sequence[str]
    errors: Mapping[str, str] = field(default_factory=dict)
    noun: str = "image"
    kind: str = "classification"
    thumbnails: Thumbnails | None = None
    limited: LimitedAnswers | None = None

    @property
    def answered(self) -> np.ndarray | None:
        """Whether the model is sure enough of each answer, bool (N,); None where it has no threshold."""
        return self.limited and self.limited.answered

    @property
    def unlike_training(self) -> np.ndarray | None:
        """Whether each input is unlike anything in training, bool (N,); None where the model does not tell."""
        return self.limited and self.limited.unlike_training

    @property
    def probabilities(self) -> np.ndarray:
        """`outputs` of a Classification or a MultiLabel."""
        return self.outputs

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...

    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | slice) -> Prediction | Predictions:
        if isinstance(index, slice):
            names = list(self.names[index])
            errors = {name: self.errors[name] for name in names if name in self.errors}
            parts = names, list(self.labels[index]), self.outputs[index], self.columns, errors
            small = self.thumbnails and self.thumbnails.take(index)
            limited = self.limited and self.limited.take(index)
            return Predictions(*parts, noun=self.noun, kind=self.kind, thumbnails=small, limited=limited)
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"There are {len(self)} predictions. Got the index {place}.")
        outputs = dict(zip(self.columns, map(float, self.outputs[place]), strict=True))
        told = {name: bool(values[place]) for name, values in self._told().items()}
        return Prediction(self.names[place], self.labels[place], outputs, self._errors()[place], **told)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[place] for place in range(len(self)))

    def _errors(self) -> list[str | None]:
        """Why each input could not be read, or None."""
        return [self.errors.get(name) for name in self.names]

    def _told(self) -> dict[str, np.ndarray]:
        """What limits tell of each answer, by name."""
        told = {"answered": self.answered, "unlike_training": self.unlike_training}
        return {name: values for name, values in told.items() if values is not None}

    def to_dataframe(self) -> pandas.DataFrame:
        """One row an input.

        Returns:
            Columns ``name``; ``label`` and ``probability`` (of that label); ``probability_<label>`` for each label; and
            ``error``, None where the input could be read. A MultiLabel has no ``probability``. A Regression has
            ``value``, or ``value_<name>`` for each of several values, in place of labels and probabilities. A model
            with limits has ``answered`` and ``unlike_training`` before ``error``.
        """
        import pandas

        values: dict[str, Sequence[str] | np.ndarray | pandas.Series] = {"name": list(self.names)}
        kind = get_task_kind(self.kind)
        if kind.has_labels:
            values["label"] = pandas.Series(list(self.labels), dtype=object)
        if kind.exclusive:
            values["probability"] = self.outputs.max(axis=1)
        single = not kind.has_labels and len(self.columns) == 1
        prefix = "probability" if kind.has_labels else "value"
        for place, column in enumerate(self.columns):
            values[prefix if single else f"{prefix}_{column}"] = self.outputs[:, place]
        values |= self._told()
        values["error"] = pandas.Series(self._errors(), dtype=object)
        return pandas.DataFrame(values)

    def table(self) -> Table:
        """One row an input; with errors in a column of their own, where there are any.

        Of more than `MOST` outputs it shows the largest of each row; `outputs` has all.
        """
        many = len(self.columns) > MOST
        wide = ["largest outputs"] if many else list(self.columns)
        told = self._told()
        names = (name.replace("_", " ") for name in told)
        columns, rows = [self.noun, "label", *wide, *names, *(["error"] if self.errors else [])], []
        for place, (name, label, row, error) in enumerate(
            zip(self.names, self.labels, self.outputs, self._errors(), strict=True)
        ):
            shown = ", ".join(label) if isinstance(label, tuple) else label
            numbers = [None] * len(wide) if error else [self._largest(row)] if many else map(float, row)
            said = [None if error else "yes" if values[place] else "no" for values in told.values()]
            rows.append((name, shown, *numbers, *said, *([error] if self.errors else [])))
        note = f"The {LARGEST} largest of {len(self.columns):,} outputs a row. All: .outputs, named by .columns"
        return Table(columns, rows, notes=(note,) if many else (), image=self.thumbnails)

    def _largest(self, row: np.ndarray) -> str:
        order = np.argsort(-row, kind="stable")[:LARGEST].tolist()
        return ", ".join(f"{self.columns[column]} {row[column]:.3g}" for column in order)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
