"""The epochs of a phase that are done: kept while it trains, to go on from."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kzoo.core.disk.checkpoints import Arrays, Checkpoints, PlainValues, assign, listed, numbered
from kzoo.training.callbacks import KeepBest
from kzoo.training.resuming.state_values import as_state, state_arrays, state_values

LOG = logging.getLogger("kzoo")

INTERVAL = 60.0
"""Seconds between two checkpoints within a phase, unless the run is stopped."""


@dataclass
class KeptEpochs:
    """The epochs of one phase that are done.

    Args:
        checkpoints: where the last one is kept.
        number: of the phase, from 1.
        seconds: that earlier processes took for its epochs.
    """

    checkpoints: Checkpoints
    number: int
    seconds: float = 0.0
    _pending: tuple[Arrays, PlainValues] | None = field(default=None, repr=False)
    _written: float = field(default_factory=time.monotonic)
    _started: float = field(default_factory=time.monotonic)

    def restore(self, model: keras.Model, variables: Sequence[Any], keep: KeepBest) -> int:
        """Puts the last checkpoint of this phase in, and returns how many epochs are done.

        Args:
            model: the part that trains.
            variables: what changes besides its weights, see `kept_variables`.
            keep: remembers the best and the last epoch.
        """
        found = self.checkpoints.read()
        if found is None or found[1]["phase"] != self.number:
            return 0
        arrays, values = found
        for name in ("best", "last"):
            if name in values:
                setattr(keep, name, (as_state(name, values[name], arrays), listed(f"{name}.weights", arrays)))
        keep.history, keep.waited = values["history"], values["waited"]
        place = self.checkpoints.directory
        assign(model.weights, listed("last.weights", arrays), directory=place)
        assign(variables, listed("variables", arrays), directory=place)
        self.seconds = values["seconds"]
        return values["epochs"]

    def remember(self, variables: Sequence[Any], keep: KeepBest) -> None:
        """Takes down the end of an epoch, and writes it if the last checkpoint is old enough."""
        arrays = numbered("variables", [np.array(each) for each in variables])
        values: PlainValues = {
            "phase": self.number,
            "epochs": len(keep.history),
            "history": list(keep.history),
            "waited": keep.waited,
            "seconds": self.seconds + time.monotonic() - self._started,
        }
        for name, kept in (("best", keep.best), ("last", keep.last)):
            if kept:
                arrays |= state_arrays(name, kept[0]) | numbered(f"{name}.weights", kept[1])
                values[name] = state_values(kept[0])
        self._pending = arrays, values
        if time.monotonic() - self._written >= INTERVAL:
            self.write()

    def write(self) -> None:
        """Writes the last epoch that is done, if it is not written yet."""
        if self._pending is None:
            return
        arrays, values = self._pending
        self.checkpoints.write(arrays, values)
        self._pending, self._written = None, time.monotonic()
        LOG.info("%s holds phase %d after %d epochs", self.checkpoints.directory, self.number, values["epochs"])


class KeepEpochs(keras.callbacks.Callback):
    """Takes down each epoch of a phase but the last, whose end is that of the phase.

    Args:
        epochs: where they are kept.
        keep: remembers the best and the last epoch.
        variables: what changes besides the weights.
        last: number of the last epoch, from 0.
    """

    def __init__(self, epochs: KeptEpochs, keep: KeepBest, variables: Sequence[Any], *, last: int) -> None:
        super().__init__()
        self.epochs, self.keep, self.variables, self.last = epochs, keep, variables, last

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Takes it down."""
        if epoch < self.last and not self.keep.trained.stop_training:
            self.epochs.remember(self.variables, self.keep)


def kept_variables(model: keras.Model, optimizers: Sequence[keras.optimizers.Optimizer]) -> list[Any]:
    """What a run follows from besides the weights: states of optimizers, and of generators of random numbers."""
    seeds = [each for each in model.variables if each.name == "seed_generator_state"]
    return [*(each for optimizer in optimizers for each in optimizer.variables), *seeds]
