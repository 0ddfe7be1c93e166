"""Several labels: each example has any number of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_fscore_support

from kzoo.core.raw_targets import natural_order, numbers_of
from kzoo.core.score_figures import label_scores
from kzoo.core.tables import Table
from kzoo.core.tensors import Tensor
from kzoo.specs.task import MultiLabel, Task
from kzoo.task_kinds.encoded_targets import EncodedTargets, encode_rows
from kzoo.task_kinds.linear_solvers import one_vs_rest
from kzoo.task_kinds.monitors import accuracy_of_labels, auc, balanced_accuracy_of_labels, macro_f1_of_labels
from kzoo.task_kinds.score_tables import label_table
from kzoo.task_kinds.statistics import multi_label_metrics
from kzoo.task_kinds.task_kind import ServedAnswers, TaskKind

ops = keras.ops


def make_labels(targets: Sequence[object], given: Sequence[str], task: Task) -> list[str]:
    """Those that were given, or the names that occur, in their natural order; of zeros and ones their positions.

    Raises:
        ValueError: there are none.
    """
    labels = list(given) or _labels_of(targets, task)
    if not labels:
        raise ValueError("No example has a label.")
    return labels


def _labels_of(targets: Sequence[object], task: Task) -> list[str]:
    found: set[str] = set()
    for target in targets:
        names = _names(target, task)
        if names is None and (numbers := numbers_of(target)):
            return [str(index) for index in range(len(numbers))]
        found.update(names or ())
    return sorted(found, key=natural_order)


def _names(target: object, task: Task) -> list[str] | None:
    """The labels of one example as names, or None where they are not given by name."""
    if isinstance(target, bytes):
        target = target.decode("utf-8", errors="replace")
    if isinstance(target, str) and isinstance(task, MultiLabel):
        return [name.strip() for name in target.split(task.separator) if name.strip()]
    if isinstance(target, list | tuple | set | np.ndarray) and all(isinstance(name, str) for name in target):
        if len(target) and all(name.strip() in ("0", "1") for name in target):
            return None
        return [name.strip() for name in target]
    return None


def encode(targets: Sequence[object], labels: Sequence[str], task: Task, positions: bool) -> EncodedTargets:
    """A 1 for each label that a target has, else a 0."""
    index = {label: number for number, label in enumerate(labels)}

    def read(target: object) -> Sequence[float] | np.ndarray | str:
        if (names := _names(target, task)) is not None:
            unknown = [name for name in names if name not in index]
            row = np.zeros(len(labels), np.float32)
            row[[index[name] for name in names if name in index]] = 1.0
            return f"label {unknown[0]!r} is not in the training data" if unknown else row
        numbers = numbers_of(target)
        if not numbers:
            return "no label"
        if len(numbers) != len(labels):
            return f"{len(numbers)} values where {len(labels)} are wanted"
        return numbers if set(numbers) <= {0.0, 1.0} else "values other than 0 and 1"

    return encode_rows(targets, len(labels), read)


def name_targets(targets: np.ndarray, labels: Sequence[str]) -> list[tuple[str, ...]]:
    """The names of the labels that each row of targets, or of probabilities, has."""
    return [tuple(label for label, value in zip(labels, row, strict=True) if value >= 0.5) for row in targets]


def sample(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities, (2 * outputs, outputs) each."""
    eye = np.eye(outputs, dtype=np.float32)
    answers = np.random.default_rng(0).uniform(0.01, 0.99, (2 * outputs, outputs)).astype(np.float32)
    return np.concatenate([eye, 1 - eye]), answers


def distance(teacher: Tensor, logits: Tensor, temperature: float) -> Tensor:
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


def mean_of(logits: Sequence[Tensor]) -> Tensor:
    """Logits of the mean probabilities, (B, K)."""
    stack = ops.stack(logits)
    yes, no = (ops.logsumexp(ops.log_sigmoid(sign * stack), axis=0) for sign in (1.0, -1.0))
    return yes - no


def serve(outputs: Tensor, labels: Sequence[str]) -> dict[str, Tensor]:
    """The names of the labels of 0.5 or more, joined by commas, string (B,), and the probabilities."""
    on = outputs >= 0.5
    kept = tf.ragged.boolean_mask(tf.broadcast_to(tf.constant(list(labels)), tf.shape(on)), on)
    return {"labels": tf.strings.reduce_join(kept, axis=1, separator=","), "probabilities": outputs}


def served(outputs: np.ndarray, labels: Sequence[str], tolerance: float) -> ServedAnswers:
    """The probabilities, and by row each list of names that labels as good as at 0.5 allow."""
    rows = []
    for row in outputs:
        found = {""}
        for label, value in zip(labels, row, strict=True):
            sides = [value >= 0.5] if abs(value - 0.5) > tolerance else [True, False]
            found = {",".join(filter(None, (text, label if on else ""))) for text in found for on in sides}
        rows.append(found)
    return {"probabilities": outputs, "labels": rows}


MULTI_LABEL = TaskKind(
    task=MultiLabel,
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
    make_labels=make_labels,
    encode=encode,
    name_targets=name_targets,
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
    confidence=lambda outputs: np.maximum(outputs, 1 - outputs).prod(axis=1),  # of labels that are independent
    by_label=by_label,
    label_counts=lambda truth, outputs: (truth >= 0.5).sum(axis=0),
    confusion=None,
    plot=lambda outputs, truth, labels: label_scores(by_label(outputs, truth, labels).rows),
    log_loss=log_loss,
    targets_of=lambda outputs: (outputs > 0.5).astype(np.float32),
    mean_of=mean_of,
    output_layer=lambda scale: keras.layers.Activation("sigmoid", name="probabilities", dtype="float32"),
    serve=serve,
    served=served,
    merit=lambda outputs, truth: (float(np.mean(hits(outputs, truth))), -log_loss(outputs, truth)),
)
"""The row of a `kzoo.MultiLabel`."""
