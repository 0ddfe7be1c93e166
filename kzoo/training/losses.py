"""Losses for training, and scores on validation."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind


def build_loss(kind: TaskKind, *, label_smoothing: float | str = 0.0) -> keras.losses.Loss:
    """The loss of a kind of task, on logits and float32 targets (B, outputs).

    Args:
        kind: of the task.
        label_smoothing: in [0, 1): share of each target that goes to all classes alike; of several labels at once, to
            yes and no of each. ``"auto"``: 0.1 for classification, else 0.

    Raises:
        ValueError: label smoothing is asked for where targets are numbers.
    """
    return kind.loss(kind.smoothing if isinstance(label_smoothing, str) else label_smoothing)


AnyLoss: TypeAlias = keras.losses.Loss | Callable[[Tensor, Tensor], Tensor]
"""A Keras loss, or a callable of truth and logits, (B, outputs) each, that returns a loss for each example, (B,)."""

LOSSES: dict[str, AnyLoss] = {}
"""Losses that `register_loss` added, by name."""


def register_loss(name: str, loss: AnyLoss) -> None:
    """Makes ``loss=name`` train with `loss`, wherever a loss is asked for.

    Args:
        name: a new name.
        loss: a Keras loss on logits, or a callable of truth and logits, both float32 (B, outputs), that returns a loss
            for each example, (B,), in TensorFlow or ``keras.ops``.

    Raises:
        ValueError: the name is taken, here or in `keras.losses`.
        TypeError: the loss cannot be called.

    Example:
        >>> def squared_hinge(truth, outputs):
        ...     gaps = keras.ops.maximum(1 - (2 * truth - 1) * outputs, 0)
        ...     return keras.ops.mean(gaps**2, axis=1)
        >>> register_loss("my_hinge", squared_hinge)
        >>> resolve_loss("my_hinge", kind=get_task_kind("classification"), outputs=3).name
        'my_hinge'
        >>> del LOSSES["my_hinge"]
    """
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(f"A loss must be a Keras loss, or a callable of (truth, outputs). Got {loss!r}.")
    if name in LOSSES or _is_named_by_keras(name):
        raise ValueError(f"A loss named {name!r} exists already. Choose another name.")
    LOSSES[name] = loss


def _is_named_by_keras(name: str) -> bool:
    try:
        return keras.losses.get(name) is not None
    except ValueError:
        return False


def resolve_loss(loss: str | AnyLoss, *, kind: TaskKind, outputs: int) -> keras.losses.Loss:
    """A loss of the user's, tried on a few zeros.

    Args:
        loss: a Keras loss, the name of one or of a registered one, or a callable of truth and logits, both float32
            (B, outputs).
        kind: of the task.
        outputs: of the model.

    Raises:
        ValueError: it is unknown, wants other targets or probabilities, or cannot be trained with.
        TypeError: it is none of these.
    """
    found = _named_loss(loss) if isinstance(loss, str) else loss
    if isinstance(found, type) or not callable(found):
        raise TypeError(f"loss must be a Keras loss, its name, or a callable of (truth, outputs). Got {loss!r}.")
    wrapped = found if isinstance(found, keras.losses.Loss) else CallableLoss(found, name=loss)
    if _wants_probabilities(found):
        raise ValueError(
            f"The loss {wrapped.name!r} expects probabilities, but outputs are logits. Pass from_logits=True if it has "
            "that argument, or a callable, such as lambda truth, outputs: loss(truth, keras.ops.softmax(outputs))."
        )
    try:
        value, slope = _attempt(wrapped, np.eye(outputs, dtype=np.float32)[[0, -1, 0]] * kind.has_labels)
    except Exception as error:
        raise ValueError(
            f"The loss {wrapped.name!r} cannot be used. Targets are {kind.targets_as}, float32 (B, {outputs}); "
            f"outputs are logits, float32 (B, {outputs}). On zeros it raised {type(error).__name__}: "
            f"{str(error).strip()[:300]}"
        ) from error
    if value.shape.rank != 0 or not np.isfinite(value):
        raise ValueError(
            f"The loss {wrapped.name!r} must give one finite number. On zeros it gave {value.numpy().tolist()}."
        )
    if slope is None:
        raise ValueError(
            f"The loss {wrapped.name!r} has no gradient with respect to the outputs. Write it with TensorFlow or "
            "keras.ops, without argmax and without NumPy."
        )
    return wrapped


def _attempt(loss: keras.losses.Loss, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    """The loss of logits of 0, and its gradient by them, in a graph, as `fit` computes them."""
    weights = tf.ones(len(targets))

    def run(logits: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(targets, logits, sample_weight=weights)
        return value, tape.gradient(value, logits)

    return tf.function(run, autograph=False)(tf.zeros_like(targets))


def _wants_probabilities(loss: AnyLoss) -> bool:
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


def _named_loss(name: str) -> AnyLoss:
    """The loss of a name, on logits where it can choose."""
    if name in LOSSES:
        return LOSSES[name]
    try:
        found = keras.losses.get(name)
    except ValueError as error:
        raise ValueError(
            f"Unknown loss {name!r}. It is neither in keras.losses nor registered with kzoo.register_loss."
        ) from error
    if isinstance(found, keras.losses.Loss):
        logits = {"from_logits": True} if "from_logits" in found.get_config() else {}
        return type(found).from_config({**found.get_config(), **logits})
    if "from_logits" not in inspect.signature(found).parameters:
        return found
    on_logits = functools.partial(found, from_logits=True)
    on_logits.__name__ = name
    return on_logits


class CallableLoss(keras.losses.Loss):
    """The loss that a callable gives for each example, (B,); it has the callable's name, or the one it goes by."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *, name: object = None) -> None:
        known = name if isinstance(name, str) else getattr(function, "__name__", type(function).__name__)
        # TensorFlow takes no other letters, as those of "<lambda>", in the name of a loss.
        super().__init__(name=re.sub(r"\W", "", known))
        self.function = function

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of truth and logits (B, outputs)."""
        return self.function(y_true, y_pred)


@keras.saving.register_keras_serializable(package="kzoo")
class Distillation(keras.losses.Loss):
    """How far logits are from a teacher's, at a temperature, and from the labels (arXiv:1503.02531).

    Of classes: T^2 KL(softmax(teacher / T) || softmax(logits / T)), and the cross-entropy with the labels; of several
    labels at once the same for each by itself; of numbers the mean square.

    Args:
        kind: name of the kind of task.
        temperature: T, in (0, inf): above 1, a teacher's small probabilities count for more.
        alpha: weight of the loss on the labels, in [0, 1]; the loss on the teacher's logits has the rest.
    """

    def __init__(self, kind: str, *, temperature: float = 2.0, alpha: float = 0.1, **options: object) -> None:
        super().__init__(**options)
        self.kind, self.temperature, self.alpha = kind, temperature, alpha

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of targets and a teacher's logits side by side (B, 2 * outputs), and logits (B, outputs)."""
        outputs, kind = y_pred.shape[-1], get_task_kind(self.kind)
        targets, teacher = y_true[:, :outputs], y_true[:, outputs:]
        soft, hard = kind.distance(teacher, y_pred, self.temperature), build_loss(kind).call(targets, y_pred)
        return (1 - self.alpha) * soft + self.alpha * hard


def score(kind: TaskKind, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Loss and, where there is one, accuracy.

    Args:
        kind: of the task.
        logits: (N, outputs).
        targets: rows, (N, outputs).

    Returns:
        ``val_loss``, the mean of the examples' losses, and ``val_accuracy`` in [0, 1].
    """
    scores = {"val_loss": float(kind.example_losses(logits, targets).mean())}
    hits = kind.example_hits(logits, targets)
    if hits is not None:
        scores["val_accuracy"] = float(hits.mean())
    return scores
