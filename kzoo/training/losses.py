"""Losses to train with, and the score by which one set of weights is better than another."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def build_loss(kind: str, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
    """The loss of a kind of task, on logits and float32 targets (B, outputs)."""
    if kind == "classification":
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    if kind == "multi_label":
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.MeanSquaredError()


def score(kind: str, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Loss and, where there is one, accuracy.

    Args:
        kind: kind of the task.
        logits: (N, outputs).
        targets: (N, outputs), one-hot for classification.

    Returns:
        ``val_loss``, in nats a label (or a mean square), and ``val_accuracy`` in [0, 1].
    """
    logits = logits.astype(np.float64)
    if kind == "classification":
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        accuracy = np.mean(logits.argmax(axis=1) == targets.argmax(axis=1))
        return {"val_loss": float(-(targets * log_probabilities).sum(axis=1).mean()), "val_accuracy": float(accuracy)}
    if kind == "multi_label":
        losses = np.logaddexp(0.0, logits) - targets * logits
        return {"val_loss": float(losses.mean()), "val_accuracy": float(np.mean((logits > 0) == (targets > 0.5)))}
    return {"val_loss": float(np.mean((logits - targets) ** 2))}


def rank_of(scores: dict[str, Any]) -> tuple[float, float]:
    """What to compare scores by, larger is better: accuracy, then loss; a loss that is not finite is worst."""
    loss = scores["val_loss"]
    if not np.isfinite(loss):
        return (-np.inf, -np.inf)
    return (scores.get("val_accuracy", 0.0), -loss)
