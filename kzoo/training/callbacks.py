"""Keras callbacks of the loop: the rate, the best weights, the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import keras
import numpy as np
from tqdm.auto import tqdm

from kzoo.specs.schedule import Phase
from kzoo.training.losses import rank_of
from kzoo.training.optimizers import rate_at


def refuse_callbacks(callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Raises where a callback would do something else here than its name says."""
    rate = "sets the rate, which a phase sets at each step: use Phase(decay=...)"
    saving = "would save the part that trains: kzoo keeps the best weights, and Adapted.save all of them"
    wrong = {
        keras.callbacks.ReduceLROnPlateau: rate,
        keras.callbacks.LearningRateScheduler: rate,
        keras.callbacks.ModelCheckpoint: saving,
        keras.callbacks.BackupAndRestore: saving,
    }
    for callback in callbacks:
        for kind, reason in wrong.items():
            if isinstance(callback, kind):
                raise ValueError(f"The callback {kind.__name__} {reason}.")


class _OnModel(keras.callbacks.Callback):
    """A callback that is used only where Keras has given it its model."""

    @property
    def trained(self) -> keras.Model:
        """The model in training."""
        return cast(keras.Model, self.model)


class Rate(_OnModel):
    """Sets the learning rate before each step."""

    def __init__(self, phase: Phase, *, steps: int) -> None:
        super().__init__()
        self.phase, self.steps, self.step, self.rate = phase, steps, 0, 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate of this step."""
        self.rate = rate_at(self.step, phase=self.phase, steps=self.steps)
        self.trained.optimizer.learning_rate = self.rate
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = self.rate


class KeepBest(_OnModel):
    """Measures validation after each epoch, adds it to the logs, and decides which weights are kept.

    Those of the last epoch, unless an earlier one was better by more than the standard error of validation: a rate that
    falls to 0 leaves the best weights at the end, and the highest of many noisy scores is mostly luck (the one standard
    error rule, Breiman et al. 1984, section 3.4.3).

    Args:
        measure: returns ``val_loss`` and, where there is one, ``val_accuracy``.
        size: number of examples it is measured on.
        patience: epochs without a better score before training stops; None: never.
    """

    def __init__(self, measure: Callable[[], dict[str, float]], *, size: int, patience: int | None) -> None:
        super().__init__()
        self.measure, self.size, self.patience = measure, size, patience
        self.best: dict[str, float] = {"val_loss": np.inf}
        self.last: dict[str, float] = {"val_loss": np.inf}
        self.weights: list[np.ndarray] | None = None
        self.history: list[dict[str, Any]] = []
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures, adds to the logs, remembers."""
        scores = self.last = self.measure()
        logs = logs if logs is not None else {}
        logs.update(scores)
        self.history.append({"epoch": epoch, **{name: float(value) for name, value in logs.items()}})
        if rank_of(scores) > rank_of(self.best):
            self.best, self.weights, self.waited = scores, self.trained.get_weights(), 0
        else:
            self.waited += 1
        if not np.isfinite(scores["val_loss"]) or (self.patience and self.waited >= self.patience):
            self.trained.stop_training = True

    def restore(self) -> dict[str, float]:
        """Leaves the weights that are kept in the model, and returns their scores.

        Raises:
            FloatingPointError: no epoch ended with a finite loss.
        """
        if self.weights is None:
            raise FloatingPointError(
                "The loss was not a finite number after the first epoch: lower the learning_rate, or look for wrong "
                "values in the data."
            )
        if self._is_as_good(self.last):
            return self.last
        self.trained.set_weights(self.weights)
        return self.best

    def _is_as_good(self, scores: dict[str, float]) -> bool:
        if "val_accuracy" not in scores or not np.isfinite(scores["val_loss"]):
            return rank_of(scores) >= rank_of(self.best)
        accuracy = self.best["val_accuracy"]
        return scores["val_accuracy"] >= accuracy - np.sqrt(accuracy * (1 - accuracy) / self.size)


class Progress(keras.callbacks.Callback):
    """Moves the bar of a phase on.

    Args:
        bar: counts examples.
        size: examples an epoch.
        epochs: of the phase.
    """

    def __init__(self, bar: tqdm, *, size: int, epochs: int) -> None:
        super().__init__()
        self.bar, self.size, self.epochs = bar, size, epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch further, with its scores."""
        shown = [f"{name} {value:.3f}" for name, value in (logs or {}).items() if name != "learning_rate"]
        self.bar.set_postfix_str(", ".join([f"epoch {epoch + 1} of {self.epochs}", *shown]), refresh=False)
        self.bar.update(self.size)
