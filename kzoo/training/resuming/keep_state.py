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
from kzoo.training.resuming.training_state import StepState, TrainingState, kept_variables, values_of


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
        self.recovered, self.is_written, self.first = "", True, 0
        self._directory = checkpoints.checkpoints.directory if checkpoints else Path()
        found = checkpoints.read() if checkpoints else None
        self.state, self.within = found or (self._now(0), None)
        if found:
            self._go_to(self.state)
            if self.within:
                self._assign(self.within)
                self.rate.go_to(self.state.epochs, self.within.steps, share=self.state.rate)

    def go_back(self, recovered: str) -> None:
        """To the beginning of this epoch, with half the learning rate.

        Args:
            recovered: why.
        """
        self._go_to(dataclasses.replace(self.state, rate=self.state.rate / 2, recovered=recovered))
        self.within, self.is_written = None, False
        self.write()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes the state down, unless it is the one that was put in."""
        self.first = 0
        if self.within and self.state.epochs == epoch:
            self.first = self.within.steps
            for metric, value in zip(self.trained.metrics_variables, self.within.metrics, strict=True):
                metric.assign(value)
        elif self.state.epochs != epoch:
            self.state, self.is_written = self._now(epoch), False
        self.within = None
        if self.checkpoints and self.checkpoints.is_due:
            self.write()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Writes, if it is time; and lets Ctrl-C and SIGTERM end the run, with what was done until then."""
        if self.checkpoints and batch and (self.interruption.number or self.checkpoints.is_due):
            values = self.trained.get_weights(), values_of(self.variables), values_of(self.trained.metrics_variables)
            self.checkpoints.write(self.state, StepState(self.first + batch, *values))
            self.is_written = True
        self.interruption.raise_if_any()

    def write(self) -> None:
        """Writes the state, if neither it nor a later one is written yet."""
        if self.checkpoints and not self.is_written:
            self.checkpoints.write(self.state)
            self.is_written = True

    def _go_to(self, state: TrainingState) -> None:
        self._assign(state)
        self.keep.go_back(state.remembered)
        self.rate.go_to(state.epochs, 0, share=state.rate)
        self.state, self.recovered = state, state.recovered

    def _assign(self, state: TrainingState | StepState) -> None:
        """Puts values in; raises ValueError where they are of another network."""
        assign(self.trained.weights, state.weights, directory=self._directory)
        assign(self.variables, state.variables, directory=self._directory)

    def _now(self, epochs: int) -> TrainingState:
        return TrainingState(
            epochs,
            self.trained.get_weights(),
            values_of(self.variables),
            self.keep.remembered,
            rate=self.rate.share,
            recovered=self.recovered,
        )
