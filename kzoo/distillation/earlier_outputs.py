"""Learning without forgetting: a model that learns a next task keeps its answers to earlier ones on new examples."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from kzoo.core.tensors import Tensor
from kzoo.distillation.teacher import Teacher, listen, refuse_smoothing, with_bounded_views
from kzoo.setup.prepare import Prepared
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.multi_task_layers import MultiTaskLoss
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.feed import Feed

TEMPERATURE = 2.0
"""Of the earlier outputs of classes, as in arXiv:1606.09282."""


class EarlierOutputs(keras.losses.Loss):
    """The loss of all tasks, and beside it how far the outputs of the earlier ones are from those before.

    Args:
        kind: of all tasks.
        count: outputs of the earlier ones, which come first.
    """

    def __init__(self, kind: str, *, count: int) -> None:
        super().__init__(name="with_earlier_outputs")
        self.kind: TaskKind = get_task_kind(kind)
        self.count = count
        self.own = MultiTaskLoss(self.kind.parts, 0.0, weighing=self.kind.weighing)

    @property
    def factors(self) -> keras.Variable:
        """Of the tasks' weights; see `MultiTaskLoss`."""
        return self.own.factors

    def balance(self, logits: np.ndarray, targets: np.ndarray, norms: np.ndarray | None = None) -> None:
        """Weighs the tasks; see `MultiTaskLoss.balance`."""
        self.own.balance(logits, targets, norms)

    def by_task(self, y_true: Tensor, y_pred: Tensor) -> list[Tensor]:
        """The loss (B,) of each task, without earlier outputs."""
        return self.own.by_task(y_true[:, : y_pred.shape[-1]], y_pred)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss (B,) of targets and earlier logits side by side (B, outputs + count), and logits (B, outputs)."""
        outputs = y_pred.shape[-1]
        targets, before = y_true[:, :outputs], y_true[:, outputs:]
        parts = [part for part in self.kind.parts if part.stop <= self.count]
        distances = [
            part.scale
            * part.kind.distance(before[:, part.start : part.stop], y_pred[:, part.start : part.stop], TEMPERATURE)
            for part in parts
        ]
        return self.own.call(targets, y_pred) + sum(distances)


def teach_earlier_outputs(prepared: Prepared, feed: Feed, *, seed: int) -> tuple[Prepared, Feed]:
    """Runs the earlier model once over each view, and puts its outputs beside the targets.

    Args:
        prepared: a run that remembers earlier tasks.
        feed: its data.
        seed: of the run.

    Returns:
        The run, whose phases go through these views, and its data.

    Raises:
        MemoryError: there is no room for the outputs.
        ValueError: a phase smooths labels.
    """
    kept = prepared.kept
    if kept is None or not kept.by_outputs or not prepared.schedule.takes_steps:
        return prepared, feed
    refuse_smoothing(prepared.schedule)
    schedule = with_bounded_views(prepared.schedule)
    outputs = listen(Teacher(kept.teacher(), prepared.preprocessor), prepared.splits, schedule, seed=seed)
    train = dataclasses.replace(feed.train, taught=outputs.train)
    loss = EarlierOutputs(prepared.kind.name, count=kept.outputs)
    return dataclasses.replace(prepared, schedule=schedule), dataclasses.replace(feed, train=train, loss=loss)
