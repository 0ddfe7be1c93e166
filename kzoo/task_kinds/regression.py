"""Regression: each example has one or several values, which are standardised in training."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.raw_targets import numbers_of
from kzoo.core.score_figures import against_truth
from kzoo.core.tables import Table
from kzoo.specs.task import Regression, Task
from kzoo.task_kinds.encoded_targets import EncodedTargets, encode_rows
from kzoo.task_kinds.linear_solvers import ridge
from kzoo.task_kinds.statistics import regression_metrics
from kzoo.task_kinds.task_kind import Scale, TaskKind


def make_labels(targets: Sequence[object], given: Sequence[str], task: Task) -> list[str]:
    """Those that were given, where there are as many as values; else ``value``, or ``value 0``, ``value 1``...

    Raises:
        ValueError: no target is a number.
    """
    rows = [row for row in map(numbers_of, targets) if row]
    if not rows:
        raise ValueError(f"Regression targets must be numeric; {_what_it_holds(targets, task)}.")
    if len(given) == len(rows[0]) or task.labels:
        return list(given)
    return ["value"] if len(rows[0]) == 1 else [f"value {index}" for index in range(len(rows[0]))]


def _what_it_holds(targets: Sequence[object], task: Task) -> str:
    """What stands where numbers are wanted."""
    where = f"column {task.label!r}" if isinstance(task.label, str) else "the data"
    texts = [each for each in targets if isinstance(each, str | bytes) and each.strip()]
    return f"{where} contains text, such as {texts[0]!r}" if texts else f"{where} contains no numbers"


def encode(targets: Sequence[object], labels: Sequence[str], task: Task, positions: bool) -> EncodedTargets:
    """The values of each target."""

    def read(target: object) -> list[float] | str:
        numbers = numbers_of(target)
        if not numbers:
            return "no target"
        return numbers if len(numbers) == len(labels) else f"{len(numbers)} values where {len(labels)} are wanted"

    return encode_rows(targets, len(labels), read)


def name_targets(targets: np.ndarray, labels: Sequence[str]) -> list[str]:
    """The values of each row, as text."""
    return [", ".join(f"{value:.4g}" for value in row) for row in targets]


def sample(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answers, (8, outputs) each."""
    truth, answers = np.random.default_rng(0).normal(size=(2, 8, outputs)).astype(np.float32)
    return truth, answers


def loss(smoothing: float) -> keras.losses.Loss:
    """The mean squared error.

    Raises:
        ValueError: label smoothing is asked for.
    """
    if smoothing:
        raise ValueError(f"label_smoothing is for classes; targets of a Regression are numbers. Got {smoothing}.")
    return keras.losses.MeanSquaredError()


def example_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean square of the errors of each example."""
    return ((logits.astype(np.float64) - targets) ** 2).mean(axis=1)


def by_label(outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Table:
    """The mean absolute error of each value."""
    errors = np.abs(outputs - truth).mean(axis=0)
    rows = [(label, float(error)) for label, error in zip(labels, errors, strict=True)]
    return Table(("value", "mean absolute error"), rows)


def output_layer(scale: Scale | None) -> keras.layers.Layer:
    """Standardised values to values."""
    mean, deviation = scale or ((0.0,), (1.0,))
    return keras.layers.Rescaling(list(deviation), offset=list(mean), name="values", dtype="float32")


REGRESSION = TaskKind(
    task=Regression,
    exclusive=False,
    has_labels=False,
    standardises=True,
    targets_as="standardised values",
    smoothing=0.0,
    metric_names=("mean absolute error", "root mean squared error", "R2"),
    monitors={},
    make_labels=make_labels,
    encode=encode,
    name_targets=name_targets,
    as_rows=lambda targets, outputs: targets.astype(np.float32),
    sample=sample,
    outputs_of=lambda logits: logits,
    loss=loss,
    distance=lambda teacher, logits, temperature: keras.losses.mean_squared_error(teacher, logits),
    example_losses=example_losses,
    example_hits=lambda logits, targets: None,
    constant_logits=lambda mean, size: mean,
    guess_loss=lambda outputs: 1.0,
    temperature_slope=None,
    probe=ridge,
    metrics=regression_metrics,
    example_scores=lambda outputs, truth: np.abs(outputs - truth).mean(axis=1),
    higher_is_better=False,
    confidence=None,
    by_label=by_label,
    label_counts=None,
    confusion=None,
    plot=lambda outputs, truth, labels: against_truth(truth, outputs, labels),
    log_loss=None,
    targets_of=lambda outputs: outputs,
    mean_of=lambda values: sum(values) / float(len(values)),
    output_layer=output_layer,
    serve=lambda outputs, labels: {"values": outputs},
    served=lambda outputs, labels, tolerance: {"values": outputs},
    merit=lambda outputs, truth: (0.0, -float(np.mean((outputs - truth) ** 2))),
)
"""The row of a `kzoo.Regression`."""
