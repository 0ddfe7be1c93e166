"""Checkpoints: arrays and plain values of a run, written completely or not at all, to resume from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
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

Arrays: TypeAlias = dict[str, np.ndarray]

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

    def write(self, arrays: Arrays, state: PlainValues) -> None:
        """Replaces what is there by arrays, by name, and a state of plain values."""
        with atomic_directory(self.directory) as aside:
            np.savez(aside / VARIABLES, **arrays)  # type: ignore[arg-type]  # names are no options
            write_json(aside / STATE, {"run": self.run, "state": dict(state)})
            write_checksums(aside)

    def read(self) -> tuple[Arrays, PlainValues] | None:
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
        refuse_another(found["run"], self.run, directory=self.named or self.directory)
        return _read_arrays(self.directory / VARIABLES), found["state"]


def numbered(name: str, arrays: Sequence[np.ndarray]) -> Arrays:
    """Arrays by a name and their number."""
    return {f"{name}_{number}": array for number, array in enumerate(arrays)}


def listed(name: str, arrays: Arrays) -> list[np.ndarray]:
    """The arrays that `numbered` named, in their order.

    Example:
        >>> listed("w", numbered("w", [np.zeros(1), np.ones(1)]) | {"w_best": np.ones(2)})
        [array([0.]), array([1.])]
    """
    numbers = sorted(
        int(key.removeprefix(f"{name}_")) for key in arrays if re.fullmatch(f"{re.escape(name)}_[0-9]+", key)
    )
    return [arrays[f"{name}_{number}"] for number in numbers]


def assign(variables: Sequence[Any], arrays: Sequence[np.ndarray], *, directory: Path) -> None:
    """Gives variables the values that a checkpoint has for them.

    Raises:
        ValueError: their shapes differ; then none is changed.
    """
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{directory} was written by another version of kzoo, whose network differs. Delete it.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def refuse_another(found: PlainValues, run: PlainValues, *, directory: Path, what: str = "run") -> None:
    """Raises where a directory is another run's.

    Args:
        found: all that the run in the directory follows from, as JSON gave it.
        run: all that this one follows from.
        directory: of the run.
        what: a name for it.

    Raises:
        ValueError: they differ; the message says in what.
    """
    now = json.loads(json.dumps(run))
    if found != now:
        differ = ", ".join(_differences(found, now)) or "setting"
        raise ValueError(
            f"{directory} contains a {what} with a different {differ}. Choose another directory, or delete it."
        )


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


def _read_arrays(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, *BROKEN) as error:
        raise DamagedError(f"{path} is damaged: {error!r}. Delete {path.parent} to start again.") from error
