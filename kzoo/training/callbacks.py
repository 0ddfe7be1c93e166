"""Keras callbacks of the training loop: learning rate, best weights, progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, cast, runtime_checkable

import keras
import numpy as np

from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Logs, Tensor
from kzoo.specs.phases import Phase
from kzoo.training.optimizers import rate_at
from kzoo.training.selection import WeightsState, beats, epoch_to_keep


class _OnModel(keras.callbacks.Callback):
    """A callback that is used only where Keras has given it its model."""

    @property
    def trained(self) -> keras.Model:
        """The model in training."""
        return cast(keras.Model, self.model)


class Rate(_OnModel):
    """Sets the learning rate before each step.

    Args:
        phase: whose rate it is.
        steps: of the whole phase.
    """

    def __init__(self, phase: Phase, *, steps: int) -> None:
        super().__init__()
        self.phase, self.steps, self.step, self.rate, self.share = phase, steps, 0, 0.0, 1.0

    def go_to(self, epochs: int, steps: int, *, share: float) -> None:
        """The next step is one of another epoch, and takes a share of the phase's rate.

        Args:
            epochs: that are done.
            steps: of the next epoch that are done.
            share: in (0, 1].
        """
        self.step, self.share = epochs * self.steps // self.phase.epochs + steps, share

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Sets the rate of this step."""
        self.rate = self.share * rate_at(self.step, phase=self.phase, steps=self.steps)
        self.trained.optimizer.learning_rate = self.rate
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = self.rate


Measured: TypeAlias = tuple[WeightsState, list[np.ndarray]]
"""What validation says of weights, and the weights."""


@dataclass(frozen=True)
class Remembered:
    """What validation said until the end of an epoch.

    Args:
        best: the weights that it prefers; None where no epoch ended with sound ones.
        last: those of the last epoch; None before the first one.
        history: the logs of each epoch.
        waited: epochs since the best one.
    """

    best: Measured | None
    last: Measured | None
    history: Sequence[dict[str, float]]
    waited: int


class KeepBest(_OnModel):
    """Measures validation after each epoch, adds it to the logs, and decides which weights are kept.

    The rule is that of `kzoo.training.selection`.

    Args:
        measure: judges the present weights.
        limit: the training loss above which an epoch's weights are not sound.
        patience: epochs that do not beat the best one before training stops; None: never.
    """

    def __init__(self, measure: Callable[[], WeightsState], *, limit: float, patience: int | None) -> None:
        super().__init__()
        self.measure, self.limit, self.patience = measure, limit, patience
        self.best: Measured | None = None
        self.last: Measured | None = None
        self.history: list[dict[str, float]] = []
        self.waited, self.is_lost = 0, False

    @property
    def remembered(self) -> Remembered:
        """What was measured until now."""
        return Remembered(self.best, self.last, tuple(self.history), self.waited)

    def go_back(self, remembered: Remembered) -> None:
        """Forgets what was measured since."""
        self.best, self.last, self.waited = remembered.best, remembered.last, remembered.waited
        self.history, self.is_lost = list(remembered.history), False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measures, adds to the logs, remembers."""
        logs = logs if logs is not None else {}
        state, trained = self.measure(), float(logs.get("loss", 0.0))
        # Without validation, all that is known of weights is whether they are finite.
        is_broken = not state.scores and not state.sound
        if not trained <= self.limit:
            state = replace(state, sound=False)
        logs.update(state.scores)
        weights = self.trained.get_weights()
        self.history.append({"epoch": epoch, **{name: float(value) for name, value in logs.items()}})
        self.last = state, weights
        if state.sound and (self.best is None or beats(state, self.best[0])):
            self.best, self.waited = self.last, 0
        else:
            self.waited += 1
        numbers = [trained, state.scores.get("val_loss", 0.0)]
        self.is_lost = is_broken or not np.isfinite(numbers).all()
        if self.is_lost or (self.patience and self.waited >= self.patience):
            self.trained.stop_training = True

    @property
    def diverged(self) -> bool:
        """Whether the last epoch ended with weights that are not sound."""
        return self.last is None or not self.last[0].sound

    def restore(self) -> WeightsState | None:
        """Leaves the weights that are kept in the model, and returns what they came to; None: no epoch's are sound."""
        if self.best is None or self.last is None:
            return None
        state = epoch_to_keep(self.best[0], self.last[0])
        # Set in any case: a callback may have changed them at the end of training.
        self.trained.set_weights(next(weights for each, weights in (self.best, self.last) if each is state))
        return state


class StopWhereLost(_OnModel):
    """Ends training at the first step whose loss is no finite number, and keeps its number."""

    async_safe = True
    """Keras need not wait for the loss of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.step: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Nothing is known of this epoch."""
        self.step = None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the mean loss of the epoch's steps until this one; steps may come in another order."""
        if not math.isfinite((logs or {}).get("loss", 0.0)) and (self.step is None or batch < self.step):
            self.step = batch
            self.trained.stop_training = True


@runtime_checkable
class Balancing(Protocol):
    """A loss of several tasks whose weights follow from what validation says.

    Args:
        factors: of the tasks' weights.
    """

    factors: keras.Variable

    def balance(self, logits: np.ndarray, targets: np.ndarray, norms: np.ndarray | None = None) -> None:
        """Sets the weights.

        Args:
            logits: on validation, (N, outputs).
            targets: of validation, (N, outputs).
            norms: of each task's gradients, (tasks,); None where they are not asked for.
        """
        ...

    def by_task(self, y_true: Tensor, y_pred: Tensor) -> list[Tensor]:
        """The loss (B,) of each task, of targets and logits."""
        ...


class Balance(keras.callbacks.Callback):
    """Before each epoch, lets a loss weigh its tasks by what validation says.

    Args:
        loss: of the tasks.
        targets: of validation.
        keep: measures validation after each epoch; before this callback.
        norms: gives the norms of each task's gradients as the weights are, (tasks,); None where they are not asked for.
        is_due: whether to weigh before the next epoch; not where a run goes on within it.
    """

    def __init__(
        self, loss: Balancing, targets: np.ndarray, keep: KeepBest, norms: Callable[[], np.ndarray] | None = None
    ) -> None:
        super().__init__()
        self.loss, self.targets, self.keep, self.norms, self.is_due = loss, targets, keep, norms, True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Weighs by the epoch before; before the first one by the weights as they are."""
        if not self.is_due:
            self.is_due = True
            return
        state = self.keep.last[0] if self.keep.last else self.keep.measure()
        if state.logits is not None:
            self.loss.balance(state.logits, self.targets, self.norms() if self.norms else None)


class Progress(keras.callbacks.Callback):
    """Moves the bar of a phase on.

    Args:
        bar: counts examples.
        size: examples an epoch.
        epochs: of the phase.
    """

    def __init__(self, bar: ProgressBar, *, size: int, epochs: int) -> None:
        super().__init__()
        self.bar, self.size, self.epochs, self.done = bar, size, epochs, 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Moves the bar over epochs that another process has trained."""
        self.bar.update(self.size * (epoch - self.done))
        self.done = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """An epoch further, with its scores."""
        shown = [f"{name} {value:.3f}" for name, value in (logs or {}).items() if name != "learning_rate"]
        self.bar.report(", ".join([f"epoch {epoch + 1} of {self.epochs}", *shown]))
        self.bar.update(self.size)
        self.done = epoch + 1
