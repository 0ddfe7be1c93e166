"""Regression: each example has one or several values, which are standardised in training."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.score_figures import against_truth
from kzoo.core.tables import Table
from kzoo.specs.task import Regression
from kzoo.task_kinds.linear_solvers import ridge
from kzoo.task_kinds.statistics import regression_metrics
from kzoo.task_kinds.task_kind import TaskKind


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


REGRESSION = TaskKind(
    name=Regression.kind,
    exclusive=False,
    has_labels=False,
    standardises=True,
    targets_as="standardised values",
    smoothing=0.0,
    metric_names=("mean absolute error", "root mean squared error", "R2"),
    monitors={},
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
    by_label=by_label,
    label_counts=None,
    confusion=None,
    plot=lambda outputs, truth, labels: against_truth(truth, outputs, labels),
    log_loss=None,
    merit=lambda outputs, truth: (0.0, -float(np.mean((outputs - truth) ** 2))),
)
"""The row of a `kzoo.Regression`."""
