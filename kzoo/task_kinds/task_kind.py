"""`TaskKind`: all that differs between kinds of task, as one row of values and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import keras
import numpy as np

from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.core.tensors import Tensor
from kzoo.specs.task import Task
from kzoo.task_kinds.encoded_targets import EncodedTargets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, float, float], tuple[np.ndarray, np.ndarray]]
"""From features (N, C), targets (N, outputs), weights (N,), an inverse penalty and a tolerance to kernel (C, outputs)
and bias (outputs,). Called again with another penalty, it goes on from the last solution."""

Score = Callable[[np.ndarray, np.ndarray], float]
"""From rows of truth and of outputs, (N, outputs) each, to a number; higher is better."""


Scale: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of targets, (outputs,) each."""

Label: TypeAlias = str | tuple[str, ...]
"""The name of a target: a label, or values as text; a tuple of labels where there may be several."""

ServedAnswers: TypeAlias = dict[str, np.ndarray | Sequence[set[str]]]
"""What a served model may answer, by name: numbers (B, ...), or for each example the set of texts that are right."""


class Metrics(Protocol):
    """What gives the metrics of an evaluation."""

    def __call__(self, outputs: np.ndarray, truth: np.ndarray, *, groups: Sequence[str] = ()) -> dict[str, Metric]:
        """By name, each with its interval; of outputs (N, outputs), encoded truth, and the group of each example."""
        ...


@dataclass(frozen=True, kw_only=True, repr=False)
class TaskKind:
    """A kind of task. No file outside of this folder asks which one it has: it reads a value, or calls a function.

    Three forms of a target: *raw*, as the data has it; *encoded*, int64 (N,) where classes are exclusive, else float32
    (N, outputs); and *rows*, float32 (N, outputs), which training, losses and metrics see.

    Args:
        task: what a user describes the data with; its `kind` is the name of the row, in records and saved models.
        exclusive: an example has exactly one of the labels.
        has_labels: outputs are probabilities of labels, and the targets of two examples can be mixed; else values.
        standardises: training sees targets less their mean, divided by their deviation; or for which outputs, bool
            (outputs,).
        targets_as: what rows are in training, for messages.
        smoothing: label smoothing that ``"auto"`` is, in [0, 1).
        metric_names: of the metrics that an evaluation has in any case.
        monitors: what validation can select by, besides ``"loss"``, by name.

        make_labels: from raw targets of training, the names that the task or the data gives, or none, and the task, to
            names of the outputs; ValueError where nothing can be learned.
        encode: from raw targets, the names of the outputs, the task, and whether integers are positions among these
            names, to encoded targets, with a reason against each that cannot be used.
        name_targets: from encoded targets, or outputs (N, outputs), and names to what to call each: a label, a tuple of
            labels, or values as text.
        as_rows: from encoded targets and the number of outputs to rows.
        sample: from the number of outputs to rows of truth and of outputs, (N, outputs) each, in which each label
            occurs twice, to try a metric on.
        outputs_of: NumPy; from logits to probabilities, or values as training sees them.

        loss: from label smoothing, in [0, 1), to the Keras loss of logits and rows, (B, outputs) each.
        distance: Keras ops; from a teacher's logits, a student's, (B, outputs) each, and a temperature to how far they
            are apart, (B,).
        example_losses: from logits and rows, (N, outputs) each, to the loss of each example, float64 (N,): in nats (of
            several labels the mean), or the mean square of its errors.
        example_hits: from logits and rows to whether each answer is right, float64 (N,), of several labels the share
            of the right ones; None for values.
        constant_logits: from the mean of training's rows, (outputs,), and their number to the logits, (outputs,), of
            one who always says the same.
        guess_loss: from the number of outputs to the mean loss of one who knows nothing.
        temperature_slope: from logits and rows to a function of e: the derivative of the mean loss of b * logits with
            respect to b, at b = exp(e). None where no temperature is fitted.
        probe: from the number of outputs to what solves a linear probe.

        metrics: of an evaluation, see `Metrics`; the names are `metric_names`.
        example_scores: from outputs (N, outputs) and encoded truth to the first of these metrics of each example, (N,),
            float or bool.
        higher_is_better: of that metric.
        confidence: from outputs to the probability that each answer is right as a whole, (N,); None for values.
        by_label: a `Table` with a row for each output, of outputs, encoded truth and names.
        label_counts: from encoded truth and the number of outputs to how many examples have each label, int (outputs,);
            None for values.
        confusion: from outputs and encoded truth to a confusion matrix, int (outputs, outputs), rows the truth; None
            where labels do not exclude each other.
        plot: a matplotlib figure of outputs, encoded truth and names.
        log_loss: from probabilities, encoded truth and a temperature that divides the logits to the mean loss, in nats;
            None where no temperature is fitted.
        targets_of: from outputs (N, outputs) to the encoded targets that come nearest to them.
        mean_of: Keras ops; from logits of several models, (B, outputs) each, to logits whose outputs are the mean of
            theirs. Where training standardises, logits are values in their own units already.
        output_layer: from the mean and deviation of targets, where training standardises them, or None, to the Keras
            layer that makes outputs of logits, float32 (B, outputs).
        serve: TensorFlow; from outputs and names to the tensors that a served model answers, by name; rows of NaN mark
            inputs that could not be read.
        served: NumPy; from outputs, names and a tolerance to what `serve` may answer, by name: numbers, or for each row
            the set of texts that outputs within the tolerance can give.
        merit: from outputs and encoded truth to what models are compared by, first by its first number; larger is
            better.
        parts: the tasks of several, see `kzoo.task_kinds.multi_task`; a missing target is a row of NaN there.
        weighing: what the weights of their losses follow, see `kzoo.MultiTask`; "" where they stay as they are.
        full_name: of a kind that has parts; "" for one with a row of its own.
    """

    task: type[Task]
    exclusive: bool
    has_labels: bool
    standardises: bool | Sequence[bool]
    targets_as: str
    smoothing: float
    metric_names: Sequence[str]
    monitors: Mapping[str, Score]

    make_labels: Callable[[Sequence[object], Sequence[str], Task], list[str]]
    encode: Callable[[Sequence[object], Sequence[str], Task, bool], EncodedTargets]
    name_targets: Callable[[np.ndarray, Sequence[str]], Sequence[Label]]
    as_rows: Callable[[np.ndarray, int], np.ndarray]
    sample: Callable[[int], tuple[np.ndarray, np.ndarray]]
    outputs_of: Callable[[np.ndarray], np.ndarray]

    loss: Callable[[float], keras.losses.Loss]
    distance: Callable[[Tensor, Tensor, float], Tensor]
    example_losses: Callable[[np.ndarray, np.ndarray], np.ndarray]
    example_hits: Callable[[np.ndarray, np.ndarray], np.ndarray | None]
    constant_logits: Callable[[np.ndarray, int], np.ndarray]
    guess_loss: Callable[[int], float]
    temperature_slope: Callable[[np.ndarray, np.ndarray], Callable[[float], float]] | None
    probe: Callable[[int], Fit]

    metrics: Metrics
    example_scores: Callable[[np.ndarray, np.ndarray], np.ndarray]
    higher_is_better: bool
    confidence: Callable[[np.ndarray], np.ndarray] | None
    by_label: Callable[[np.ndarray, np.ndarray, Sequence[str]], Table]
    label_counts: Callable[[np.ndarray, int], np.ndarray] | None
    confusion: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    plot: Callable[[np.ndarray, np.ndarray, Sequence[str]], Figure]
    log_loss: Callable[[np.ndarray, np.ndarray, float], float] | None
    targets_of: Callable[[np.ndarray], np.ndarray]
    mean_of: Callable[[Sequence[Tensor]], Tensor]
    output_layer: Callable[[Scale | None], keras.layers.Layer]
    serve: Callable[[Tensor, Sequence[str]], dict[str, Tensor]]
    served: Callable[[np.ndarray, Sequence[str], float], ServedAnswers]
    merit: Callable[[np.ndarray, np.ndarray], tuple[float, float]]
    parts: Sequence[KindPart] = ()
    weighing: str = ""
    full_name: str = ""

    @property
    def name(self) -> str:
        """The `kind` of its tasks."""
        return self.full_name or self.task.kind

    def __repr__(self) -> str:
        return f"TaskKind({self.name!r})"


@dataclass(frozen=True, kw_only=True)
class KindPart:
    """One of the tasks of several.

    Args:
        name: of the task.
        kind: of the task.
        start: number of its first output.
        stop: after its last output.
        weight: of its loss.
    """

    name: str
    kind: TaskKind
    start: int
    stop: int
    weight: float = 1.0

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.stop - self.start

    @property
    def scale(self) -> float:
        """What its loss is multiplied by: its weight, divided by the loss of a guess."""
        return self.weight / self.kind.guess_loss(self.outputs)

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Which rows (N, outputs of all tasks) have a target of this task, bool (N,)."""
        return ~np.isnan(rows[:, self.start])

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Its columns of rows (N, outputs of all tasks)."""
        return rows[:, self.start : self.stop]

    def own_scale(self, scale: Scale | None) -> Scale | None:
        """Mean and deviation of its targets, of those of all tasks; None where they are not standardised."""
        if scale is None or not self.kind.standardises:
            return None
        mean, deviation = (list(each[self.start : self.stop]) for each in scale)
        return mean, deviation

    def encoded(self, rows: np.ndarray) -> np.ndarray:
        """Encoded targets of rows (N, outputs of all tasks) that all have one."""
        own = self.of(rows)
        return own.argmax(axis=1) if self.kind.exclusive else own
