"""What trains and finishes several tasks at once: the loss of all, and the layer that makes their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kzoo.core.tensors import Tensor
from kzoo.specs.task import GRADNORM
from kzoo.task_kinds.task_kind import KindPart

ops = keras.ops

LEAST_LOSS = 0.01
"""Share of the loss of a guess below which the uncertainty of a task does not count as smaller."""

LEAST_NORM = 0.01
"""Share of the largest norm of gradients below which a task's does not count as smaller."""

ASYMMETRY = 1.5
"""How strongly tasks that have learned less are preferred by GradNorm; that paper's alpha."""


class MultiTaskLoss(keras.losses.Loss):
    """The sum of the losses of several tasks, each divided by that of a guess and multiplied by its weight.

    Args:
        parts: the tasks.
        smoothing: label smoothing, in [0, 1), of tasks with exclusive labels.
        weighing: what `balance` changes the weights by; "": it changes nothing.
    """

    def __init__(self, parts: Sequence[KindPart], smoothing: float, *, weighing: str = "") -> None:
        super().__init__(name="several_tasks")
        self.parts, self.weighing = parts, weighing
        self.factors = keras.Variable(np.ones(len(parts), np.float32), trainable=False, name="factors")
        self.losses = [part.kind.loss(smoothing if part.kind.exclusive else 0.0) for part in parts]

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of rows, NaN where there is no target, and logits, (B, outputs) each."""
        parts = self.by_task(y_true, y_pred)
        return sum((self.factors[place] * each for place, each in enumerate(parts)), ops.zeros_like(y_pred[:, 0]))

    def by_task(self, y_true: Tensor, y_pred: Tensor) -> list[Tensor]:
        """The loss (B,) of each task, with the weight that the user gave: 0 where there is no target."""
        losses = []
        for part, loss in zip(self.parts, self.losses, strict=True):
            rows, logits = y_true[:, part.start : part.stop], y_pred[:, part.start : part.stop]
            known = ops.logical_not(ops.isnan(rows[:, :1]))
            # Zeros first: the gradient of what is left out below would be NaN.
            found = loss.call(ops.where(known, rows, ops.zeros_like(rows)), logits)
            losses.append(part.scale * ops.where(known[:, 0], found, ops.zeros_like(found)))
        return losses

    def balance(self, logits: np.ndarray, targets: np.ndarray, norms: np.ndarray | None = None) -> None:
        """Multiplies the weight of each task by a factor, of mean 1; that of a task that nothing is known of is 1.

        By uncertainty: by the inverse of its loss. The loss on validation estimates the noise of a task. Its inverse is
        the weight that is best for it under the model of Kendall et al. (arXiv:1705.07115), in closed form.

        By GradNorm (arXiv:1711.02257): so that the norms of the weighted gradients have the ratios of
        ``relative loss ** ASYMMETRY``, in closed form where that paper takes gradient steps towards them. The relative
        loss is that of the task, divided by the loss of a guess, in place of the loss at the start.

        Args:
            logits: on validation, (N, outputs).
            targets: of validation, (N, outputs).
            norms: of the gradients of each task's loss in shared layers, (tasks,); for GradNorm.
        """
        if not self.weighing:
            return
        losses = np.full(len(self.parts), np.nan)
        for place, part in enumerate(self.parts):
            known = part.known(targets)
            if known.any():
                own = part.kind.example_losses(part.of(logits)[known], part.of(targets)[known])
                losses[place] = own.mean() / part.kind.guess_loss(part.outputs)
        if self.weighing == GRADNORM:
            if norms is None:
                return
            # A task whose gradients vanish has nothing to say: its factor must not grow without bounds.
            least = LEAST_NORM * np.nanmax(norms) + 1e-30
            factors = np.maximum(losses, LEAST_LOSS) ** ASYMMETRY / np.maximum(norms, least)
            losses = np.where(norms > 0, losses, np.nan)
        else:
            factors = 1 / np.maximum(losses, LEAST_LOSS)
        measured = np.isfinite(losses) & np.isfinite(factors)
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
