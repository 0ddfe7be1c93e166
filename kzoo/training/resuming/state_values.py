"""Validation results and lists of arrays as a checkpoint holds them: arrays by name, and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from kzoo.core.disk.checkpoints import PlainValues
from kzoo.training.selection import WeightsState

Arrays: TypeAlias = dict[str, np.ndarray]


def numbered(name: str, arrays: Sequence[np.ndarray]) -> Arrays:
    """Arrays by a name and their number."""
    return {f"{name}.{number}": array for number, array in enumerate(arrays)}


def listed(name: str, arrays: Arrays) -> list[np.ndarray]:
    """The arrays that `numbered` named, in their order."""
    count = sum(key.startswith(f"{name}.") and key[len(name) + 1 :].isdigit() for key in arrays)
    return [arrays[f"{name}.{number}"] for number in range(count)]


def state_arrays(name: str, state: WeightsState) -> Arrays:
    """The arrays of a validation result, by name."""
    parts = {part: getattr(state, part) for part in ("losses", "hits", "logits")}
    return {f"{name}.{part}": array for part, array in parts.items() if array is not None}


def state_values(state: WeightsState) -> PlainValues:
    """Its plain values."""
    return {"scores": dict(state.scores), "sound": state.sound, "learned": state.learned, "monitored": state.monitored}


def as_state(name: str, values: PlainValues, arrays: Arrays) -> WeightsState:
    """The validation result of both."""
    losses, hits, logits = (arrays.get(f"{name}.{part}") for part in ("losses", "hits", "logits"))
    return WeightsState(np.zeros(0) if losses is None else losses, **values, hits=hits, logits=logits)
