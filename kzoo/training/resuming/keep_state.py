"""The callback that keeps the state of a phase: in memory to go back to, and on the disk to go on from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras

from kzoo.core.disk.checkpoints import assign
from kzoo.core.tensors import Logs
from kzoo.training.callbacks import KeepBest, Rate
from kzoo.training.resuming.interruptions import Interruption
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.resuming.training_state import TrainingState, kept_variables, values_of


class KeepState(keras.callbacks.Callback):
    """Takes down the state of a phase as each epoch begins, and at least every `INTERVAL` seconds where it is written.

    It comes before all other callbacks: what they do as an epoch begins, they do again in a run that goes on.

    Args:
        model: the part that trains, compiled.
        keep: remembers the best and the last epoch.
        rate: sets the learning rate.
        more: variables of the loss that change.
        checkpoints: where it is written; None: nowhere.
        interruption: Ctrl-C or SIGTERM, which wait for the end of a step.
    """

    def __init__(
        self,
        model: keras.Model,
        keep: KeepBest,
        rate: Rate,
        *,
        more: Sequence[keras.Variable] = (),
        checkpoints: PhaseCheckpoints | None,
        interruption: Interruption,
    ) -> None:
        super().__init__()
        self.trained, self.keep, self.rate = model, keep, rate
        self.checkpoints, self.interruption = checkpoints, interruption
        self.variables = [*kept_variables(model, [model.optimizer]), *more]
        self.recovered, self.is_written = "", True
        found = checkpoints.read() if checkpoints else None
        if found:
            self.go_to(found)
        self.state = found or self._now(0, 0)

    def go_to(self, state: TrainingState) -> None:
        """Puts a state in.

        Raises:
            ValueError: it is of another network.
        """
        place = self.checkpoints.checkpoints.directory if self.checkpoints else Path()
        assign(self.trained.weights, state.weights, directory=place)
        assign(self.variables, state.variables, directory=place)
        self.keep.go_back(state.remembered)
        self.rate.go_to(state.epochs, state.steps, share=state.rate)
        self.state, self.recovered = state, state.recovered

    def go_back(self, recovered: str) -> None:
        """To the state at the beginning of this epoch, or from which it went on, with half the learning rate.

        Args:
            recovered: why.
        """
        self.go_to(dataclasses.replace(self.state, rate=self.state.rate / 2, recovered=recovered))
        self.is_written = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes the state down, unless it is the one that was put in."""
        if (self.state.epochs, self.state.steps) != (epoch, 0):
            if self.state.epochs == epoch:
                for metric, value in zip(self.trained.metrics_variables, self.state.metrics, strict=True):
                    metric.assign(value)
            else:
                self.state, self.is_written = self._now(epoch, 0), False
        if self.checkpoints and self.checkpoints.is_due:
            self.write()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Writes, if it is time; and lets Ctrl-C and SIGTERM end the run, with what was done until then."""
        stops = bool(self.interruption.number)
        if self.checkpoints and batch and (stops or self.checkpoints.is_due):
            self.checkpoints.write(self._now(self.state.epochs, self.state.steps + batch))
            self.is_written = True
        self.interruption.raise_if_any()

    def write(self) -> None:
        """Writes the state, if it is not written yet."""
        if self.checkpoints and not self.is_written:
            self.checkpoints.write(self.state)
            self.is_written = True

    def _now(self, epochs: int, steps: int) -> TrainingState:
        return TrainingState(
            epochs,
            steps,
            self.trained.get_weights(),
            values_of(self.variables),
            values_of(self.trained.metrics_variables) if steps else [],
            self.keep.remembered,
            rate=self.rate.share,
            recovered=self.recovered,
        )
