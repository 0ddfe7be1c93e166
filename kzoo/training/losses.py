"""Losses for training, and scores on validation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from scipy.special import log_softmax

from kzoo.specs.schedule import SMOOTHING


def build_loss(kind: str, *, label_smoothing: float | str = 0.0) -> keras.losses.Loss:
    """The loss of a kind of task, on logits and float32 targets (B, outputs).

    Args:
        kind: of the task.
        label_smoothing: in [0, 1): share of each target that goes to all classes alike; of several labels at once, to
            yes and no of each. ``"auto"``: 0.1 for classification, else 0.

    Raises:
        ValueError: label smoothing is asked for where targets are numbers.
    """
    if isinstance(label_smoothing, str):
        label_smoothing = SMOOTHING if kind == "classification" else 0.0
    if kind == "regression" and label_smoothing:
        raise ValueError(f"label_smoothing is for classes; targets of a Regression are numbers. Got {label_smoothing}.")
    if kind == "classification":
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    if kind == "multi_label":
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    return keras.losses.MeanSquaredError()


@keras.saving.register_keras_serializable(package="kzoo")
class Distillation(keras.losses.Loss):
    """How far logits are from a teacher's, at a temperature, and from the labels (arXiv:1503.02531).

    Of classes: T^2 KL(softmax(teacher / T) || softmax(logits / T)), and the cross-entropy with the labels; of several
    labels at once the same for each by itself; of numbers the mean square.

    Args:
        kind: of the task.
        temperature: T, in (0, inf): above 1, a teacher's small probabilities count for more.
        labels: share of the labels' own loss, in [0, 1].
    """

    def __init__(self, kind: str, *, temperature: float = 2.0, labels: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.temperature, self.labels = kind, temperature, labels

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss (B,) of targets and a teacher's logits side by side (B, 2 * outputs), and logits (B, outputs)."""
        outputs = y_pred.shape[-1]
        targets, teacher = y_true[:, :outputs], y_true[:, outputs:]
        soft, hard = self._soft(teacher, y_pred), build_loss(self.kind).call(targets, y_pred)
        return (1 - self.labels) * soft + self.labels * hard

    def _soft(self, teacher: Any, logits: Any) -> Any:
        if self.kind == "regression":
            return keras.losses.mean_squared_error(teacher, logits)
        ops, warmth = keras.ops, self.temperature
        if self.kind == "multi_label":
            # Yes and no of each label are a pair of classes: half of their logits' difference each.
            teacher, logits = (ops.stack([x / 2, -x / 2], axis=-1) for x in (teacher, logits))
        wanted, found = ops.log_softmax(teacher / warmth), ops.log_softmax(logits / warmth)
        divergence = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
        if self.kind == "multi_label":
            divergence = ops.mean(divergence, axis=-1)
        return warmth**2 * divergence


def example_losses(kind: str, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The loss of each example, float64 (N,): in nats (of several labels the mean), or the mean square of its errors.

    Args:
        kind: kind of the task.
        logits: (N, outputs).
        targets: (N, outputs), one-hot for classification.
    """
    logits = logits.astype(np.float64)
    if kind == "classification":
        return -(targets * log_softmax(logits, axis=1)).sum(axis=1)
    if kind == "multi_label":
        return (np.logaddexp(0.0, logits) - targets * logits).mean(axis=1)
    return ((logits - targets) ** 2).mean(axis=1)


def example_hits(kind: str, logits: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """Whether each answer is right, float64 (N,); of several labels the share of the right ones; None for values.

    Args:
        kind: kind of the task.
        logits: (N, outputs).
        targets: (N, outputs), one-hot for classification.
    """
    if kind == "classification":
        return (logits.argmax(axis=1) == targets.argmax(axis=1)).astype(np.float64)
    if kind == "multi_label":
        return np.mean((logits > 0) == (targets > 0.5), axis=1)
    return None


def score(kind: str, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Loss and, where there is one, accuracy.

    Args:
        kind: kind of the task.
        logits: (N, outputs).
        targets: (N, outputs), one-hot for classification.

    Returns:
        ``val_loss``, the mean of `example_losses`, and ``val_accuracy`` in [0, 1].
    """
    scores = {"val_loss": float(example_losses(kind, logits, targets).mean())}
    hits = example_hits(kind, logits, targets)
    if hits is not None:
        scores["val_accuracy"] = float(hits.mean())
    return scores
