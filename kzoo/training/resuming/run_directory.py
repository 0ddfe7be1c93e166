"""The directory of a run: finished phases and the last epoch of the present one, to go on from after a kill.

``begun/`` says which run it is. Each phase that takes gradient steps has a checkpoint when it ends, in ``phase1/``,
``phase2/``, ...; in between, ``within/`` holds how far the present phase is. A linear probe has none: it is solved
again, on activations that are cached. What a resumed run computes is, on one CPU, bit for bit what it would have
computed without the interruption.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import keras
import numpy as np
from filelock import Timeout

from kzoo.core.disk.checkpoints import Checkpoints, PlainValues, assign, listed, numbered
from kzoo.core.disk_errors import explaining
from kzoo.core.locks import holder_of, lock
from kzoo.training.adapters.merged_differences import present_differences, restore_differences
from kzoo.training.phase import PhaseResult
from kzoo.training.resuming.interruptions import exits_on_sigterm
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.resuming.state_values import as_state, state_arrays, state_values

LOG = logging.getLogger("kzoo")

BEGUN, WITHIN, PHASE = "begun", "within", "phase"


@dataclass(frozen=True)
class RunDirectory:
    """Where a run keeps how far it is.

    Args:
        directory: made where it is missing.
        run: all that the run follows from, as plain values.
    """

    directory: Path
    run: PlainValues

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Holds the directory for this run alone. SIGTERM ends the block with SystemExit, a second one at once.

        Raises:
            ValueError: another run uses it, or it contains something else.
        """
        if self.directory.is_dir():
            others = sorted(path.name for path in self.directory.iterdir() if not _is_own(path))
            if others:
                raise ValueError(f"{self.directory} contains {others[0]}, which is no part of a run. Choose another.")
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock(self.directory, wait=False))
            except Timeout as error:
                used = f"{self.directory} is in use by {holder_of(self.directory)}"
                raise ValueError(f"{used}. Wait until it ends, or choose another directory.") from error
            with explaining(self.directory):
                self.directory.mkdir(parents=True, exist_ok=True)
            # Before anything is trained, a directory of another run is refused.
            begun = self._checkpoints(BEGUN)
            if begun.read() is None:
                begun.write({}, {})
            stack.enter_context(exits_on_sigterm())
            try:
                yield
            except (KeyboardInterrupt, SystemExit) as ended:
                LOG.warning("%s.%s", "Terminated" if isinstance(ended, SystemExit) else "Stopped", self.advice)
                raise

    @property
    def advice(self) -> str:
        """How to go on, as a sentence for a message."""
        return f" The same call with directory={str(self.directory)!r} goes on from there."

    def save_phase(self, number: int, result: PhaseResult, variables: Sequence[Any]) -> None:
        """Keeps the result of a phase.

        Args:
            number: of the phase, from 1.
            result: its result.
            variables: what outlives the phase besides the weights, see `kept_variables`.
        """
        arrays = numbered("weights", result.weights) | numbered("variables", [np.asarray(each) for each in variables])
        values: PlainValues = {
            name: getattr(result, name)
            for name in (
                *(
                    "views",
                    "place",
                    "runtimes",
                    "scores",
                    "diverged",
                    "recovered",
                    "history",
                    "seconds",
                    "trunk_seconds",
                ),
                *("parameters", "all_parameters"),
            )
        }
        values["differences"], factors = present_differences(result.differences)
        arrays |= factors
        if result.state:
            arrays |= state_arrays("state", result.state)
            values["state"] = state_values(result.state)
        self._checkpoints(f"{PHASE}{number}").write(arrays, values)
        rmtree(self.directory / WITHIN, ignore_errors=True)

    def load_phase(self, number: int) -> FinishedPhase | None:
        """What was kept of a phase; None where it has not ended."""
        found = self._checkpoints(f"{PHASE}{number}").read()
        if found is None:
            return None
        arrays, values = found
        state = as_state("state", values.pop("state"), arrays) if "state" in values else None
        values |= {"runtimes": tuple(values["runtimes"]), "stopped": "", "state": state}
        values["weights"] = listed("weights", arrays)
        values["differences"] = restore_differences(values["differences"], arrays)
        return FinishedPhase(values, listed("variables", arrays), self.directory)

    def within(self, number: int) -> PhaseCheckpoints:
        """Where the state of a phase is kept while it trains."""
        return PhaseCheckpoints(self._checkpoints(WITHIN), number)

    def _checkpoints(self, name: str) -> Checkpoints:
        return Checkpoints(self.directory / name, self.run, self.directory)


@dataclass(frozen=True)
class FinishedPhase:
    """What was kept of a phase that ended.

    Args:
        values: of its `PhaseResult`, but for the phase and its groups.
        variables: what outlives the phase besides the weights.
        directory: of the run.
    """

    values: Mapping[str, Any]
    variables: Sequence[np.ndarray]
    directory: Path

    def restore(self, model: keras.Model, variables: Sequence[Any]) -> None:
        """Gives the model, and what outlives the phase, the values that they had at its end."""
        assign(model.weights, self.values["weights"], directory=self.directory)
        assign(variables, self.variables, directory=self.directory)


def _is_own(path: Path) -> bool:
    return path.name.startswith((".", PHASE)) or path.name in (BEGUN, WITHIN)
