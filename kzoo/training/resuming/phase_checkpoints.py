"""The state of a phase while it trains, on the disk."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import numpy as np

from kzoo.core.disk.checkpoints import Arrays, Checkpoints, PlainValues, listed, numbered
from kzoo.training.callbacks import Remembered
from kzoo.training.resuming.state_values import as_state, state_arrays, state_values
from kzoo.training.resuming.training_state import TrainingState

LOG = logging.getLogger("kzoo")

INTERVAL = 60.0
"""Seconds between two checkpoints within a phase, unless the run is stopped."""

PARTS = ("weights", "variables", "metrics")


@dataclass
class PhaseCheckpoints:
    """Where the last state of one phase is kept.

    Args:
        checkpoints: the directory.
        number: of the phase, from 1.
        seconds: that earlier processes took for its steps.
    """

    checkpoints: Checkpoints
    number: int
    seconds: float = 0.0
    _written: float = field(default_factory=time.monotonic)
    _started: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another one."""
        return time.monotonic() - self._written >= INTERVAL

    def read(self) -> TrainingState | None:
        """The last state of this phase; None where there is none."""
        found = self.checkpoints.read()
        if found is None or found[1]["phase"] != self.number:
            return None
        arrays, values = found
        measured = {
            name: (as_state(name, values[name], arrays), listed(f"{name}.weights", arrays))
            for name in ("best", "last")
            if name in values
        }
        self.seconds = values["seconds"]
        remembered = Remembered(measured.get("best"), measured.get("last"), values["history"], values["waited"])
        weights, variables, metrics = (listed(name, arrays) for name in PARTS)
        # Where nothing changed them after they were measured, weights are there once.
        weights = weights or (remembered.last[1] if remembered.last else [])
        kept = {name: values[name] for name in ("epochs", "steps", "rate", "recovered")}
        return TrainingState(**kept, weights=weights, variables=variables, metrics=metrics, remembered=remembered)

    def write(self, state: TrainingState) -> None:
        """Replaces the last state by this one."""
        remembered = state.remembered
        arrays: Arrays = {}
        values: PlainValues = {
            "phase": self.number,
            "epochs": state.epochs,
            "steps": state.steps,
            "rate": state.rate,
            "recovered": state.recovered,
            "history": list(remembered.history),
            "waited": remembered.waited,
            "seconds": self.seconds + time.monotonic() - self._started,
        }
        for name, measured in (("best", remembered.best), ("last", remembered.last)):
            if measured:
                arrays |= state_arrays(name, measured[0]) | numbered(f"{name}.weights", measured[1])
                values[name] = state_values(measured[0])
        last = remembered.last
        for name in PARTS:
            if name == "weights" and last and all(map(np.array_equal, state.weights, last[1])):
                continue
            arrays |= numbered(name, getattr(state, name))
        self.checkpoints.write(arrays, values)
        self._written = time.monotonic()
        more = f" and {state.steps} steps" if state.steps else ""
        LOG.info("%s holds phase %d after %d epochs%s", self.checkpoints.directory, self.number, state.epochs, more)
