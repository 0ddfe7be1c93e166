"""Optimizers whose rate differs from group to group, and the course of the rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kzoo.specs.schedule import Phase


def build_optimizer(name: str, variables: Sequence[Any]) -> keras.optimizers.Optimizer:
    """An optimizer that knows all variables that any phase will train, so that its state survives every phase.

    Args:
        name: ``"adam"`` or ``"sgd"``.
        variables: all trainable variables of the model, while nothing is frozen.
    """
    optimizer = GroupedAdam(1e-3) if name == "adam" else GroupedSGD(1e-3, momentum=0.9, nesterov=True)
    optimizer.build(variables)
    return optimizer


class _Grouped(keras.optimizers.Optimizer):
    """Scales the rate of each variable, and its decoupled weight decay with it.

    Scaling in `update_step` is right for Adam too, where scaling gradients would change nothing (Keras 3.15).
    """

    def set_groups(self, factors: Mapping[str, float], *, weight_decay: float) -> None:
        """Sets the factors on the rate, by path of the variable, before the model is compiled.

        Args:
            factors: in [0, inf); 1 where a path is missing.
            weight_decay: of kernels, per step and unit of rate.
        """
        self._factors = dict(factors)
        self._decay = weight_decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable, at its own rate."""
        known = self._trainable_variables[self._get_variable_index(variable)]
        rate = learning_rate * getattr(self, "_factors", {}).get(known.path, 1.0)
        if getattr(self, "_decay", 0.0) and len(known.shape) > 1:
            self.assign_sub(variable, keras.ops.cast(variable * rate * self._decay, variable.dtype))
        super().update_step(gradient, variable, rate)


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdam(_Grouped, keras.optimizers.Adam):
    """Adam (arXiv:1412.6980) with a rate for each group and decoupled decay (arXiv:1711.05101)."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedSGD(_Grouped, keras.optimizers.SGD):
    """SGD with a rate for each group and decoupled decay."""


def rate_at(step: int, *, phase: Phase, steps: int) -> float:
    """The learning rate of step `step` in [0, steps): a linear rise, then a cosine to 0 or a constant."""
    rise = round(phase.warmup * steps)
    if step < rise:
        return phase.learning_rate * (step + 1) / (rise + 1)
    if phase.decay == "constant":
        return phase.learning_rate
    return phase.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))
