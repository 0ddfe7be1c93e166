"""Several labels: each example has any number of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_fscore_support

from kzoo.core.score_figures import label_scores
from kzoo.core.tables import Table
from kzoo.specs.task import MultiLabel
from kzoo.task_kinds.linear_solvers import one_vs_rest
from kzoo.task_kinds.monitors import accuracy_of_labels, auc, balanced_accuracy_of_labels, macro_f1_of_labels
from kzoo.task_kinds.score_tables import label_table
from kzoo.task_kinds.statistics import multi_label_metrics
from kzoo.task_kinds.task_kind import TaskKind

ops = keras.ops


def sample(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities, (2 * outputs, outputs) each."""
    eye = np.eye(outputs, dtype=np.float32)
    answers = np.random.default_rng(0).uniform(0.01, 0.99, (2 * outputs, outputs)).astype(np.float32)
    return np.concatenate([eye, 1 - eye]), answers


def distance(teacher: Any, logits: Any, temperature: float) -> Any:
    """T^2 KL(sigmoid(teacher / T) || sigmoid(logits / T)) of yes and no, the mean over the labels, (B,)."""
    # Yes and no of each label are a pair of classes: half of their logits' difference each.
    teacher, logits = (ops.stack([x / 2, -x / 2], axis=-1) for x in (teacher, logits))
    wanted, found = ops.log_softmax(teacher / temperature), ops.log_softmax(logits / temperature)
    divergence = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
    return temperature**2 * ops.mean(divergence, axis=-1)


def example_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each example, in nats, the mean over the labels."""
    logits = logits.astype(np.float64)
    return (np.logaddexp(0.0, logits) - targets * logits).mean(axis=1)


def constant_logits(mean: np.ndarray, size: int) -> np.ndarray:
    """Logits of the shares of the labels; a share of 0 counts as that of one example."""
    mean = np.clip(mean, 1 / size, 1 - 1 / size)
    return np.log(mean / (1 - mean))


def temperature_slope(logits: np.ndarray, targets: np.ndarray) -> Callable[[float], float]:
    """Of e: the derivative of the mean binary cross-entropy of sigmoid(b * logits) with respect to b, at b = exp(e)."""
    return lambda exponent: float(((expit(np.exp(exponent) * logits) - targets) * logits).mean())


def hits(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each label is right at a probability of 0.5, bool (N, K)."""
    return (outputs >= 0.5) == (truth >= 0.5)


def log_loss(probabilities: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> float:
    """The mean binary cross-entropy of sigmoid(logit(probabilities) / temperature), in nats."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    signs = np.where(truth > 0.5, 1.0, -1.0)
    return float(np.logaddexp(0, -signs * logit(clipped) / temperature).mean())


def by_label(outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Table:
    """Precision, recall and F1 of each label."""
    scores = precision_recall_fscore_support(truth >= 0.5, outputs >= 0.5, average=None, zero_division=0)
    return label_table(scores, labels)


MULTI_LABEL = TaskKind(
    name=MultiLabel.kind,
    exclusive=False,
    has_labels=True,
    standardises=False,
    targets_as="0 or 1",
    smoothing=0.0,
    metric_names=("exact match", "macro-F1", "micro-F1", "log loss"),
    monitors={
        "accuracy": accuracy_of_labels,
        "balanced_accuracy": balanced_accuracy_of_labels,
        "macro_f1": macro_f1_of_labels,
        "auc": auc,
    },
    as_rows=lambda targets, outputs: targets.astype(np.float32),
    sample=sample,
    outputs_of=expit,
    loss=lambda smoothing: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing),
    distance=distance,
    example_losses=example_losses,
    example_hits=lambda logits, targets: np.mean((logits > 0) == (targets > 0.5), axis=1),
    constant_logits=constant_logits,
    guess_loss=lambda outputs: math.log(2),
    temperature_slope=temperature_slope,
    probe=one_vs_rest,
    metrics=multi_label_metrics,
    example_scores=lambda outputs, truth: np.all(hits(outputs, truth), axis=1),
    higher_is_better=True,
    by_label=by_label,
    label_counts=lambda truth, outputs: (truth >= 0.5).sum(axis=0),
    confusion=None,
    plot=lambda outputs, truth, labels: label_scores(by_label(outputs, truth, labels).rows),
    log_loss=log_loss,
    merit=lambda outputs, truth: (float(np.mean(hits(outputs, truth))), -log_loss(outputs, truth)),
)
"""The row of a `kzoo.MultiLabel`."""
