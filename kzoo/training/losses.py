"""Losses for training, and scores on validation."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf
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


def resolve_loss(loss: Any, *, kind: str, outputs: int) -> keras.losses.Loss:
    """A loss of the user's, tried on a few zeros.

    Args:
        loss: a Keras loss, its name, or a callable of truth and logits, both float32 (B, outputs).
        kind: of the task.
        outputs: of the model.

    Raises:
        ValueError: it is unknown, wants other targets or probabilities, or cannot be trained with.
        TypeError: it is none of these.
    """
    found = _named_loss(loss) if isinstance(loss, str) else loss
    if isinstance(found, type) or not callable(found):
        raise TypeError(f"loss must be a Keras loss, its name, or a callable of (truth, outputs). Got {loss!r}.")
    wrapped = found if isinstance(found, keras.losses.Loss) else CallableLoss(found)
    if _wants_probabilities(found):
        raise ValueError(
            f"The loss {wrapped.name!r} wants probabilities; outputs are logits. Pass from_logits=True where it takes "
            "that, or a callable of your own, as lambda truth, outputs: loss(truth, keras.ops.softmax(outputs))."
        )
    try:
        value, slope = _attempt(wrapped, np.eye(outputs, dtype=np.float32)[[0, -1, 0]] * (kind != "regression"))
    except Exception as error:
        raise ValueError(
            f"The loss {wrapped.name!r} cannot be used. {_TARGETS[kind].format(outputs)}; outputs are logits, float32 "
            f"(B, {outputs}). On zeros it raised {type(error).__name__}: {str(error).strip()[:300]}"
        ) from error
    if value.shape.rank != 0 or not np.isfinite(value):
        raise ValueError(
            f"The loss {wrapped.name!r} must give one finite number. On zeros it gave {value.numpy().tolist()}."
        )
    if slope is None:
        raise ValueError(
            f"The loss {wrapped.name!r} has no gradient by the outputs: write it in TensorFlow or keras.ops, without "
            "argmax and without NumPy."
        )
    return wrapped


_TARGETS = {
    "classification": "Targets are one-hot, float32 (B, {})",
    "multi_label": "Targets are 0 or 1, float32 (B, {})",
    "regression": "Targets are standardised values, float32 (B, {})",
}


def _attempt(loss: keras.losses.Loss, targets: np.ndarray) -> tuple[Any, Any]:
    """The loss of logits of 0, and its gradient by them, in a graph, as `fit` computes them."""
    weights = tf.ones(len(targets))

    def run(logits: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(targets, logits, sample_weight=weights)
        return value, tape.gradient(value, logits)

    return tf.function(run, autograph=False)(tf.zeros_like(targets))


def _wants_probabilities(loss: Any) -> bool:
    """Whether a Keras loss, as an object or a function, takes its input for probabilities."""
    if isinstance(loss, _OF_PROBABILITIES):
        return True
    if isinstance(loss, keras.losses.Loss):
        return loss.get_config().get("from_logits") is False
    try:
        choice = inspect.signature(loss).parameters.get("from_logits")
    except (TypeError, ValueError):  # a callable without a signature
        return False
    return choice is not None and choice.default is False


_OF_PROBABILITIES = (keras.losses.KLDivergence, keras.losses.Dice, keras.losses.Tversky)


def _named_loss(name: str) -> Any:
    """The loss of a name, on logits where it can choose."""
    try:
        found = keras.losses.get(name)
    except ValueError as error:
        raise ValueError(f"There is no loss {name!r} in keras.losses.") from error
    if isinstance(found, keras.losses.Loss):
        logits = {"from_logits": True} if "from_logits" in found.get_config() else {}
        return type(found).from_config({**found.get_config(), **logits})
    if "from_logits" not in inspect.signature(found).parameters:
        return found
    on_logits = functools.partial(found, from_logits=True)
    on_logits.__name__ = name
    return on_logits


class CallableLoss(keras.losses.Loss):
    """The loss that a callable gives for each example, (B,)."""

    def __init__(self, function: Any) -> None:
        # TensorFlow takes no other letters, as those of "<lambda>", in the name of a loss.
        super().__init__(name=re.sub(r"\W", "", getattr(function, "__name__", type(function).__name__)))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss (B,) of truth and logits (B, outputs)."""
        return self.function(y_true, y_pred)


@keras.saving.register_keras_serializable(package="kzoo")
class Distillation(keras.losses.Loss):
    """How far logits are from a teacher's, at a temperature, and from the labels (arXiv:1503.02531).

    Of classes: T^2 KL(softmax(teacher / T) || softmax(logits / T)), and the cross-entropy with the labels; of several
    labels at once the same for each by itself; of numbers the mean square.

    Args:
        kind: of the task.
        temperature: T, in (0, inf): above 1, a teacher's small probabilities count for more.
        alpha: weight of the loss on the labels, in [0, 1]; the loss on the teacher's logits has the rest.
    """

    def __init__(self, kind: str, *, temperature: float = 2.0, alpha: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.temperature, self.alpha = kind, temperature, alpha

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss (B,) of targets and a teacher's logits side by side (B, 2 * outputs), and logits (B, outputs)."""
        outputs = y_pred.shape[-1]
        targets, teacher = y_true[:, :outputs], y_true[:, outputs:]
        soft, hard = self._soft(teacher, y_pred), build_loss(self.kind).call(targets, y_pred)
        return (1 - self.alpha) * soft + self.alpha * hard

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
