"""Validation results as a checkpoint holds them: arrays by name, and plain values."""

from __future__ import annotations

import numpy as np

from kzoo.core.disk.checkpoints import Arrays, PlainValues
from kzoo.training.selection import WeightsState


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
