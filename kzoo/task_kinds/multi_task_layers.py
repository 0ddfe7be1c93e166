"""What trains and finishes several tasks at once: the loss of all, and the layer that makes their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.tensors import Tensor
from kzoo.task_kinds.task_kind import KindPart

ops = keras.ops

LEAST_LOSS = 0.01
"""Share of the loss of a guess below which the uncertainty of a task does not count as smaller."""


class MultiTaskLoss(keras.losses.Loss):
    """The sum of the losses of several tasks, each divided by that of a guess and multiplied by its weight.

    Args:
        parts: the tasks.
        smoothing: label smoothing, in [0, 1), of tasks with exclusive labels.
        by_uncertainty: whether `balance` changes the weights.
    """

    def __init__(self, parts: Sequence[KindPart], smoothing: float, *, by_uncertainty: bool = False) -> None:
        super().__init__(name="several_tasks")
        self.parts, self.by_uncertainty = parts, by_uncertainty
        self.factors = keras.Variable(np.ones(len(parts), np.float32), trainable=False, name="factors")
        self.losses = [part.kind.loss(smoothing if part.kind.exclusive else 0.0) for part in parts]

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of rows, NaN where there is no target, and logits, (B, outputs) each."""
        total = ops.zeros_like(y_pred[:, 0])
        for place, (part, loss) in enumerate(zip(self.parts, self.losses, strict=True)):
            rows, logits = y_true[:, part.start : part.stop], y_pred[:, part.start : part.stop]
            known = ops.logical_not(ops.isnan(rows[:, :1]))
            # Zeros first: the gradient of what is left out below would be NaN.
            found = loss.call(ops.where(known, rows, ops.zeros_like(rows)), logits)
            total += self.factors[place] * part.scale * ops.where(known[:, 0], found, ops.zeros_like(found))
        return total

    def balance(self, logits: np.ndarray, targets: np.ndarray) -> None:
        """Multiplies the weight of each task by the inverse of its loss, where weights are by uncertainty.

        The loss on validation estimates the noise of a task. Its inverse is the weight that is best for it under the
        model of Kendall et al. (arXiv:1705.07115), in closed form. The mean of the factors is 1; so is that
        of a task without targets here.

        Args:
            logits: on validation, (N, outputs).
            targets: of validation, (N, outputs).
        """
        if not self.by_uncertainty:
            return
        losses = np.full(len(self.parts), np.nan)
        for place, part in enumerate(self.parts):
            known = part.known(targets)
            if known.any():
                own = part.kind.example_losses(part.of(logits)[known], part.of(targets)[known])
                losses[place] = own.mean() / part.kind.guess_loss(part.outputs)
        measured = np.isfinite(losses)
        factors = 1 / np.maximum(losses, LEAST_LOSS)
        if measured.any():
            self.factors.assign(np.where(measured, factors / factors[measured].mean(), 1.0))


@keras.saving.register_keras_serializable(package="kzoo")
class MultiTaskOutputs(keras.layers.Layer):
    """From the logits of all tasks to their outputs, float32 (B, outputs).

    Args:
        spans: first output of each task, and the one after its last.
        layers: what makes outputs of the logits of each task.
    """

    def __init__(self, spans: Sequence[Sequence[int]], layers: Sequence[keras.layers.Layer], **options: object) -> None:
        super().__init__(**options)
        self.spans, self.finishing = [list(span) for span in spans], list(layers)

    def call(self, logits: Tensor) -> Tensor:
        """(B, outputs) to (B, outputs)."""
        pairs = zip(self.spans, self.finishing, strict=True)
        return ops.concatenate([layer(logits[:, start:stop]) for (start, stop), layer in pairs], axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """That of the logits."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, object]:
        """Its arguments."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.finishing]
        return {**super().get_config(), "spans": self.spans, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> MultiTaskOutputs:
        """The layer of these arguments."""
        layers = [keras.saving.deserialize_keras_object(each) for each in config.pop("layers")]  # type: ignore[attr-defined]
        return cls(layers=layers, **config)  # type: ignore[arg-type]
