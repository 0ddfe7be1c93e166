"""Checkpoints: arrays and plain values of a run, written completely or not at all, to resume from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

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

SHOWN = 40
"""Characters of a setting up to which a message shows its values."""


@dataclass(frozen=True)
class Checkpoints:
    """One directory that holds the last checkpoint of a run.

    Args:
        directory: where.
        run: all that the run follows from, as plain values: another run's checkpoint is not taken for this one's.
        named: the directory that messages name; None: that of the checkpoint.
    """

    directory: Path
    run: PlainValues
    named: Path | None = None

    def write(self, arrays: Mapping[str, np.ndarray], state: PlainValues) -> None:
        """Replaces what is there by arrays, by name, and a state of plain values."""
        with atomic_directory(self.directory) as aside:
            np.savez(aside / VARIABLES, **arrays)  # type: ignore[arg-type]  # names are no options
            write_json(aside / STATE, {"run": self._run(), "state": dict(state)})
            write_checksums(aside)

    def read(self) -> tuple[dict[str, np.ndarray], PlainValues] | None:
        """The arrays and the state of the checkpoint; None where there is none.

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
            differ = ", ".join(_differences(found["run"], self._run())) or "setting"
            raise ValueError(
                f"{self.named or self.directory} contains a run with a different {differ}. Choose another directory, "
                "or delete it."
            )
        return _read_arrays(self.directory / VARIABLES), found["state"]

    def save(self, variables: Sequence[Any], state: PlainValues) -> None:
        """Replaces what is there by the values of variables of Keras or TensorFlow, in their order, and a state."""
        self.write({f"arr_{number}": np.asarray(variable) for number, variable in enumerate(variables)}, state)

    def load(self, variables: Sequence[Any]) -> PlainValues | None:
        """Gives variables the values of the checkpoint, and returns its state; None where there is none.

        Raises: as of `read`; and ValueError where the variables have other shapes.
        """
        found = self.read()
        if found is None:
            return None
        arrays, state = found
        values = [arrays.get(f"arr_{number}") for number in range(len(arrays))]
        assign(variables, [value for value in values if value is not None], directory=self.directory)
        return state

    def _run(self) -> PlainValues:
        return json.loads(json.dumps(self.run))


def assign(variables: Sequence[Any], arrays: Sequence[np.ndarray], *, directory: Path) -> None:
    """Gives variables the values that a checkpoint has for them.

    Raises:
        ValueError: their shapes differ; then none is changed.
    """
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{directory} was written by another version of kzoo, whose network differs. Delete it.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _differences(before: PlainValues, now: PlainValues) -> Iterator[str]:
    """The settings that differ, with both values where these are short."""
    for name in [*now, *(each for each in before if each not in now)]:
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from (f"{name} {inner}" for inner in _differences(old, new))
        else:
            shown = f"{old} there, {new} now"
            yield f"{name} ({shown})" if len(shown) <= SHOWN else name


def _read_state(path: Path) -> dict[str, PlainValues]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"run": dict(found["run"]), "state": dict(found["state"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {error!r}. Delete {path.parent} to start again.") from error


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, *BROKEN) as error:
        raise DamagedError(f"{path} is damaged: {error!r}. Delete {path.parent} to start again.") from error
