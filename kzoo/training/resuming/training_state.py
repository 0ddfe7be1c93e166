"""What all further steps of a phase follow from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kzoo.training.callbacks import Remembered


@dataclass(frozen=True)
class TrainingState:
    """A phase at the beginning of an epoch.

    Args:
        epochs: that are done.
        weights: of the part that trains.
        variables: what changes besides, see `kept_variables`.
        remembered: what validation said until then.
        rate: share of the phase's learning rate that its steps take.
        recovered: "", or a sentence that says why this is not 1.
    """

    epochs: int
    weights: Sequence[np.ndarray]
    variables: Sequence[np.ndarray]
    remembered: Remembered
    rate: float = 1.0
    recovered: str = ""


@dataclass(frozen=True)
class StepState:
    """A phase between two steps of an epoch.

    Args:
        steps: of the epoch that are done.
        weights: of the part that trains.
        variables: what changes besides, see `kept_variables`.
        metrics: means over these steps.
    """

    steps: int
    weights: Sequence[np.ndarray]
    variables: Sequence[np.ndarray]
    metrics: Sequence[np.ndarray]


def kept_variables(model: keras.Model, optimizers: Sequence[keras.optimizers.Optimizer]) -> list[Any]:
    """What a run follows from besides the weights: states of optimizers, and of generators of random numbers."""
    seeds = [each for each in model.variables if each.name == "seed_generator_state"]
    return [*(each for optimizer in optimizers for each in optimizer.variables), *seeds]


def values_of(variables: Sequence[Any]) -> list[np.ndarray]:
    """Copies of the values of variables of Keras or TensorFlow."""
    return [np.asarray(each) for each in variables]


def are_finite(arrays: Sequence[np.ndarray]) -> bool:
    """Whether no number of some arrays is infinite or NaN."""
    return all(bool(np.isfinite(each).all()) for each in arrays)
