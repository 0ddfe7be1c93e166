"""Checkpoints: all variables of a run, written completely or not at all, to resume from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.storage import (
    BROKEN,
    CHECKSUMS,
    DamagedError,
    atomic_directory,
    recover,
    verify_checksums,
    write_checksums,
    write_json,
)

PlainValues: TypeAlias = dict[str, Any]
"""Settings or the state of a run by name: numbers, strings, and lists and dicts of them, as JSON has them."""

STATE, VARIABLES = "state.json", "variables.npz"


@dataclass(frozen=True)
class Checkpoints:
    """One directory that holds the last checkpoint of a run.

    Args:
        directory: where.
        run: all that the run follows from, as plain values: another run's checkpoint is not taken for this one's.
    """

    directory: Path
    run: PlainValues

    def save(self, variables: Sequence[keras.Variable | tf.Variable], state: PlainValues) -> None:
        """Replaces what is there by the values of variables, in their order, and a state of plain values."""
        arrays = [np.asarray(variable) for variable in variables]
        with atomic_directory(self.directory) as aside:
            np.savez(aside / VARIABLES, *arrays)
            write_json(aside / STATE, {"run": self._run(), "state": dict(state)})
            write_checksums(aside)

    def load(self, variables: Sequence[keras.Variable | tf.Variable]) -> PlainValues | None:
        """Gives variables the values of the checkpoint, and returns its state; None where there is none.

        Raises:
            ValueError: it is another run's; or the directory holds something else.
            DamagedError: a file of it is missing or changed.
        """
        recover(self.directory)
        if not self.directory.exists() or not any(self.directory.iterdir()):
            return None
        if not (self.directory / CHECKSUMS).is_file():
            raise ValueError(f"{self.directory} contains files that are not a checkpoint. Choose another directory.")
        verify_checksums(self.directory)
        found = _read_state(self.directory / STATE)
        if found["run"] != self._run():
            differ = [name for name, value in self._run().items() if found["run"].get(name) != value]
            raise ValueError(
                f"{self.directory} contains a run with a different {', '.join(differ) or 'setting'}. Choose another "
                "directory, or delete it."
            )
        arrays = _read_arrays(self.directory / VARIABLES)
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(
                f"{self.directory} was written by another version of kzoo, whose network differs. Delete it."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return found["state"]

    def _run(self) -> PlainValues:
        return json.loads(json.dumps(self.run))


def _read_state(path: Path) -> dict[str, PlainValues]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"run": dict(found["run"]), "state": dict(found["state"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {error!r}. Delete {path.parent} to start again.") from error


def _read_arrays(path: Path) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[f"arr_{number}"] for number in range(len(file.files))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, *BROKEN) as error:
        raise DamagedError(f"{path} is damaged: {error!r}. Delete {path.parent} to start again.") from error
