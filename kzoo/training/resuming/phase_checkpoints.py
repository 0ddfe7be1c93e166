"""The state of a phase while it trains, on the disk."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

import numpy as np

from kzoo.core.disk.checkpoints import Arrays, Checkpoints, PlainValues, listed, numbered
from kzoo.training.callbacks import Remembered
from kzoo.training.resuming.state_values import as_state, state_arrays, state_values
from kzoo.training.resuming.training_state import StepState, TrainingState

LOG = logging.getLogger("kzoo")

INTERVAL = 60.0
"""Seconds between two checkpoints within a phase, unless the run is stopped."""

WITHIN = ("weights", "variables", "metrics")


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

    def read(self) -> tuple[TrainingState, StepState | None] | None:
        """The last state of this phase, and how far the epoch is that began with it; None where there is none."""
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
        # Where nothing changed them after they were measured, weights are there once.
        weights = listed("weights", arrays) or (remembered.last[1] if remembered.last else [])
        kept = {name: values[name] for name in ("epochs", "rate", "recovered")}
        state = TrainingState(**kept, weights=weights, variables=listed("variables", arrays), remembered=remembered)
        if not values["steps"]:
            return state, None
        return state, StepState(values["steps"], **{part: listed(f"within.{part}", arrays) for part in WITHIN})

    def write(self, state: TrainingState, within: StepState | None = None) -> None:
        """Replaces the last state by this one.

        Args:
            state: of the beginning of an epoch.
            within: how far the epoch is; None: it has not begun.
        """
        remembered = state.remembered
        arrays: Arrays = numbered("variables", state.variables)
        values: PlainValues = {
            "phase": self.number,
            "epochs": state.epochs,
            "steps": within.steps if within else 0,
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
        if not (last and all(map(np.array_equal, state.weights, last[1]))):
            arrays |= numbered("weights", state.weights)
        for part in WITHIN if within else ():
            arrays |= numbered(f"within.{part}", getattr(within, part))
        self.checkpoints.write(arrays, values)
        self._written = time.monotonic()
        more = f" and {within.steps} steps" if within else ""
        LOG.info("%s holds phase %d after %d epochs%s", self.checkpoints.directory, self.number, state.epochs, more)
