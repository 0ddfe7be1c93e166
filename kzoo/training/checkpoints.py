"""Checkpoints: all variables of a run, whole or not at all, for a run that goes on where it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.storage import CHECKSUMS, atomic_directory, recover, verify_checksums, write_checksums, write_json

STATE, VARIABLES = "state.json", "variables.npz"


@dataclass(frozen=True)
class Checkpoints:
    """One directory that holds the last checkpoint of a run.

    Args:
        directory: where.
        run: all that the run follows from, as plain values: another run's checkpoint is not taken for this one's.
    """

    directory: Path
    run: Mapping[str, Any]

    def save(self, variables: Sequence[Any], state: Mapping[str, Any]) -> None:
        """Replaces what is there by the values of variables, in their order, and a state of plain values."""
        arrays = [np.asarray(variable) for variable in variables]
        with atomic_directory(self.directory) as aside:
            np.savez(aside / VARIABLES, *arrays)
            write_json(aside / STATE, {"run": self._run(), "state": dict(state)})
            write_checksums(aside)

    def load(self, variables: Sequence[Any]) -> dict[str, Any] | None:
        """Gives variables the values of the checkpoint, and returns its state; None where there is none.

        Raises:
            ValueError: it is another run's; or the directory holds something else.
            DamagedError: a file of it is missing or changed.
        """
        recover(self.directory)
        if not self.directory.exists() or not any(self.directory.iterdir()):
            return None
        if not (self.directory / CHECKSUMS).is_file():
            raise ValueError(f"{self.directory} holds something else than a checkpoint: choose another directory.")
        verify_checksums(self.directory)
        found = json.loads((self.directory / STATE).read_text(encoding="utf-8"))
        if found["run"] != self._run():
            differ = [name for name, value in self._run().items() if found["run"].get(name) != value]
            raise ValueError(
                f"{self.directory} holds a run with other {', '.join(differ) or 'settings'}: choose another directory, "
                "or delete it."
            )
        with np.load(self.directory / VARIABLES, allow_pickle=False) as file:
            if len(file.files) != len(variables):
                raise ValueError(f"{self.directory} is of another kzoo, whose model is made otherwise: delete it.")
            for number, variable in enumerate(variables):
                variable.assign(file[f"arr_{number}"])
        return found["state"]

    def _run(self) -> Any:
        return json.loads(json.dumps(self.run))
