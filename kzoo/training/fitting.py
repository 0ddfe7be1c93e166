"""The steps of a phase, from where an earlier process ended; at half the rate after a loss that is not finite."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from kzoo.training.callbacks import Balance, KeepBest, Rate, StopWhereLost
from kzoo.training.resuming.interruptions import delayed_interruptions
from kzoo.training.resuming.keep_state import KeepState
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints

LOG = logging.getLogger("kzoo")


@dataclass
class Fitting:
    """The steps of a phase.

    Args:
        model: the part that trains, compiled.
        epochs: of the phase.
        steps: of each epoch.
        batches: from the numbers of an epoch and of a step in it to the batches from there on.
        names: from the same to the step's examples, in the words of a message.
        rate: sets the learning rate.
        keep: measures after each epoch.
        balanced: weighs tasks before each epoch.
        checkpoints: where the state is kept; None: nowhere.
    """

    model: keras.Model
    epochs: int
    steps: int
    batches: Callable[[int, int], tf.data.Dataset]
    names: Callable[[int, int], str]
    rate: Rate
    keep: KeepBest
    balanced: Sequence[Balance] = ()
    checkpoints: PhaseCheckpoints | None = None
    lost = ""
    """Where a loss was not finite, in the words of a message; "": nowhere, or not for good."""

    recovered = ""
    """Why training went on at half the rate; "": it did not."""

    is_finished = False
    """Whether all steps were taken, or there was nothing more to gain by them."""

    def run(self, callbacks: Sequence[keras.callbacks.Callback]) -> bool:
        """Takes the steps that are not done yet. Returns whether Ctrl-C ended them after an epoch was measured.

        Args:
            callbacks: what else `fit` is called with.

        Raises:
            KeyboardInterrupt: Ctrl-C before that, or a second one. The state is written after the first one.
            SystemExit: SIGTERM, where it is handled.
        """
        watch = StopWhereLost()
        with delayed_interruptions() as interruption:
            state = KeepState(
                self.model,
                self.keep,
                self.rate,
                more=[each.loss.factors for each in self.balanced],
                checkpoints=self.checkpoints,
                interruption=interruption,
            )
            called = [state, self.rate, self.keep, watch, *self.balanced, *callbacks]
            try:
                self._fit(state, called)
                if self.keep.is_lost and not state.recovered:
                    state.go_back(self._describe(state, watch))
                    self._fit(state, called)
                self.is_finished = True
                interruption.raise_if_any()
            except (KeyboardInterrupt, SystemExit) as ended:
                if interruption.is_urgent:
                    raise
                _write(state)
                if self.keep.last is None or isinstance(ended, SystemExit):
                    raise
                return True
            finally:
                self.recovered = state.recovered
            if self.keep.is_lost:
                self.lost = self._place(state, watch)
        return False

    def _fit(self, state: KeepState, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Takes all steps from a state on; those of an epoch that is begun first."""
        epoch = state.state.epochs
        if state.within:
            step = state.within.steps
            for each in self.balanced:
                each.is_due = False
            self._call(epoch, step, callbacks, until=epoch + 1)
            if self.model.stop_training:
                return
            epoch += 1
        if epoch < self.epochs:
            self._call(epoch, 0, callbacks, until=self.epochs)

    def _call(self, epoch: int, step: int, callbacks: Sequence[keras.callbacks.Callback], *, until: int) -> None:
        self.model.fit(
            self.batches(epoch, step),
            initial_epoch=epoch,
            epochs=until,
            steps_per_epoch=self.steps - step,
            callbacks=list(callbacks),
            shuffle=False,
            verbose=0,
        )

    def _describe(self, state: KeepState, watch: StopWhereLost) -> str:
        """Why, and from where, training goes on at half the rate."""
        start = f"the end of epoch {state.state.epochs}" if state.state.epochs else "the beginning of the phase"
        place = self._place(state, watch)
        return f"The loss was not finite {place}. Training went on from {start} with half the learning rate."

    def _place(self, state: KeepState, watch: StopWhereLost) -> str:
        """Where the loss was not finite first, with the names of the examples."""
        epoch = state.state.epochs
        if watch.step is None:
            where = "on validation" if "val_loss" in self.keep.history[-1] else "any more, nor were the weights,"
            return f"{where} after epoch {epoch + 1}"
        step = state.first + watch.step
        return f"in step {step + 1} of epoch {epoch + 1}{self.names(epoch, step)}"


def _write(state: KeepState) -> None:
    """Writes the state; a disk that is full does not cost what was trained."""
    try:
        state.write()
    except OSError as error:
        LOG.warning("The state of the run could not be written: %s", error)
