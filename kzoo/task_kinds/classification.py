"""Classification: each example has exactly one of the labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy.special import log_softmax, softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from kzoo.core.raw_targets import class_name, natural_order
from kzoo.core.score_figures import matrix
from kzoo.core.tables import Table
from kzoo.core.tensors import Tensor
from kzoo.specs.phases import SMOOTHING
from kzoo.specs.task import Classification, Task, refuse_numbers
from kzoo.task_kinds.encoded_targets import EncodedTargets
from kzoo.task_kinds.linear_solvers import multinomial
from kzoo.task_kinds.monitors import accuracy_of_classes, auc, balanced_accuracy_of_classes, macro_f1_of_classes
from kzoo.task_kinds.score_tables import label_table
from kzoo.task_kinds.statistics import classification_metrics
from kzoo.task_kinds.task_kind import ServedAnswers, TaskKind

ops = keras.ops


def make_labels(targets: Sequence[object], given: Sequence[str], task: Task) -> list[str]:
    """Those that were given, or the names that the targets are, in their natural order.

    Raises:
        ValueError: there are fewer than two classes; or targets are values of a quantity.
    """
    names = [name for name in (class_name(target) for target in targets) if name is not None]
    if not names:
        raise ValueError("No example has a label.")
    if not given:
        refuse_numbers(set(names), are_text=all(isinstance(target, str | bytes) for target in targets))
    labels = list(given) or sorted(set(names), key=natural_order)
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels must differ from each other. Got {labels}.")
    if len(set(names)) < 2:
        raise ValueError(f"A classification needs two or more classes. Got only {names[0]!r}.")
    return labels


def encode(targets: Sequence[object], labels: Sequence[str], task: Task, positions: bool) -> EncodedTargets:
    """The number of each target's class."""
    index = {label: number for number, label in enumerate(labels)}
    digits = {str(number): number for number in range(len(labels))}
    wordy = not any(label.isdigit() for label in labels)
    encoded = np.zeros(len(targets), np.int64)
    reasons: dict[int, str] = {}
    for row, target in enumerate(targets):
        name = class_name(target)
        is_number = not isinstance(target, str | bytes)
        known = digits if positions and (is_number or (wordy and name in digits)) else index
        if name is None:
            reasons[row] = "no label"
        elif name in known:
            encoded[row] = known[name]
        else:
            reasons[row] = f"label {name!r} is not in the training data"
    return EncodedTargets(encoded, reasons)


def name_targets(targets: np.ndarray, labels: Sequence[str]) -> list[str]:
    """The name of the class of each target (N,), or of the most probable one of outputs (N, K)."""
    numbers = targets.argmax(axis=1) if targets.ndim == 2 else targets
    return [labels[int(number)] for number in numbers]


def sample(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities, (2 * outputs, outputs) each."""
    eye = np.eye(outputs, dtype=np.float32)
    answers = np.random.default_rng(0).uniform(0.01, 0.99, (2 * outputs, outputs)).astype(np.float32)
    return np.concatenate([eye, eye]), answers / answers.sum(axis=1, keepdims=True)


def distance(teacher: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(logits / T)), (B,)."""
    wanted, found = ops.log_softmax(teacher / temperature), ops.log_softmax(logits / temperature)
    return temperature**2 * ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)


def example_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Cross-entropy of each example, in nats."""
    return -(targets * log_softmax(logits.astype(np.float64), axis=1)).sum(axis=1)


def temperature_slope(logits: np.ndarray, targets: np.ndarray) -> Callable[[float], float]:
    """Of e: the derivative of the mean cross-entropy of softmax(b * logits) with respect to b, at b = exp(e)."""
    below = logits - logits.max(axis=1, keepdims=True)
    wanted = float((targets * below).sum(axis=1).mean())

    def slope(exponent: float) -> float:
        odds = np.exp(np.exp(exponent) * below)
        return float((np.einsum("nk,nk->n", odds, below) / odds.sum(axis=1)).mean()) - wanted

    return slope


def hits(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether the most probable class is the true one, bool (N,)."""
    return outputs.argmax(axis=1) == truth


def log_loss(probabilities: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> float:
    """The mean cross-entropy of softmax(log(probabilities) / temperature), in nats."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    logs = log_softmax(np.log(clipped) / temperature, axis=1)
    return -float(logs[np.arange(len(truth)), truth].mean())


def confusion(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How often each class, by row, is taken for each, by column: int (K, K)."""
    return confusion_matrix(truth, outputs.argmax(axis=1), labels=range(outputs.shape[1]))


def by_label(outputs: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Table:
    """Precision, recall and F1 of each class."""
    predicted, classes = outputs.argmax(axis=1), range(len(labels))
    return label_table(precision_recall_fscore_support(truth, predicted, labels=classes, zero_division=0), labels)


def mean_of(logits: Sequence[Tensor]) -> Tensor:
    """Logits of the mean probabilities, (B, K)."""
    return ops.logsumexp(ops.log_softmax(ops.stack(logits), axis=-1), axis=0) - ops.log(float(len(logits)))


def serve(outputs: Tensor, labels: Sequence[str]) -> dict[str, Tensor]:
    """The name of the most probable class, string (B,), and the probabilities; no name where one is NaN."""
    found = tf.gather(tf.constant(list(labels)), tf.argmax(outputs, axis=1))
    bad = tf.reduce_any(tf.math.is_nan(outputs), axis=1)
    return {"labels": tf.where(bad, "", found), "probabilities": outputs}


def served(outputs: np.ndarray, labels: Sequence[str], tolerance: float) -> ServedAnswers:
    """The probabilities, and by row the names of the classes that are as good as most probable."""
    near = outputs >= outputs.max(axis=1, keepdims=True) - 2 * tolerance
    names = [{labels[place] for place in np.flatnonzero(row).tolist()} for row in near]
    return {"probabilities": outputs, "labels": names}


CLASSIFICATION = TaskKind(
    task=Classification,
    exclusive=True,
    has_labels=True,
    standardises=False,
    targets_as="one-hot",
    smoothing=SMOOTHING,
    metric_names=("accuracy", "balanced accuracy", "macro-F1", "log loss"),
    monitors={
        "accuracy": accuracy_of_classes,
        "balanced_accuracy": balanced_accuracy_of_classes,
        "macro_f1": macro_f1_of_classes,
        "auc": auc,
    },
    make_labels=make_labels,
    encode=encode,
    name_targets=name_targets,
    as_rows=lambda targets, outputs: np.eye(outputs, dtype=np.float32)[targets],
    sample=sample,
    outputs_of=lambda logits: softmax(logits, axis=1),
    loss=lambda smoothing: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
    distance=distance,
    example_losses=example_losses,
    example_hits=lambda logits, targets: (logits.argmax(axis=1) == targets.argmax(axis=1)).astype(np.float64),
    constant_logits=lambda mean, size: np.log(mean + 1 / size),
    guess_loss=lambda outputs: math.log(max(outputs, 2)),
    temperature_slope=temperature_slope,
    probe=multinomial,
    metrics=classification_metrics,
    example_scores=hits,
    higher_is_better=True,
    confidence=lambda outputs: outputs.max(axis=1),
    by_label=by_label,
    label_counts=lambda truth, outputs: np.bincount(truth, minlength=outputs),
    confusion=confusion,
    plot=lambda outputs, truth, labels: matrix(confusion(outputs, truth), labels),
    log_loss=log_loss,
    targets_of=lambda outputs: outputs.argmax(axis=1),
    mean_of=mean_of,
    output_layer=lambda scale: keras.layers.Softmax(name="probabilities", dtype="float32"),
    serve=serve,
    served=served,
    merit=lambda outputs, truth: (float(np.mean(hits(outputs, truth))), -log_loss(outputs, truth)),
)
"""The row of a `kzoo.Classification`."""
