"""Optimizers whose rate differs from group to group, and the course of the rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kzoo.specs.schedule import Phase, depths_of
from kzoo.training.freezing import within


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

    def __init__(
        self,
        learning_rate: Any,
        *,
        factors: Mapping[str, float] | None = None,
        decays: Mapping[str, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.set_groups(factors or {}, decays=decays or {})

    def set_groups(self, factors: Mapping[str, float], *, decays: Mapping[str, float]) -> None:
        """Sets each variable's share of the rate and its weight decay, before the model is compiled.

        Args:
            factors: by path of the variable, in [0, inf); 1 where a path is missing.
            decays: by path of the variable, per step and unit of its rate, in [0, inf); 0 where a path is missing.
        """
        self._factors, self._decays = dict(factors), dict(decays)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable, at its own rate."""
        path = self._trainable_variables[self._get_variable_index(variable)].path
        rate = learning_rate * self._factors.get(path, 1.0)
        if self._decays.get(path):
            self.assign_sub(variable, keras.ops.cast(variable * rate * self._decays[path], variable.dtype))
        super().update_step(gradient, variable, rate)

    def get_config(self) -> dict[str, Any]:
        """What the optimizer is made from."""
        return super().get_config() | {"factors": dict(self._factors), "decays": dict(self._decays)}


class _StepsOfEach(keras.optimizers.Adam):
    """Adam whose bias correction counts the steps of each variable, not those of the optimizer.

    Keras 3.15 corrects by `iterations`, which goes on while a variable is frozen. The moments of a variable that is
    unfrozen after 1000 steps start at zero, and its steps would be up to 5 times too long.
    """

    def build(self, var_list: Sequence[Any]) -> None:
        """Makes the moments, and a count of steps, float32 (), for each variable."""
        if self.built:
            return
        super().build(var_list)
        self._steps = [self.add_variable((), dtype="float32", name="steps") for _ in var_list]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable, corrected by how many it has made."""
        steps = self._steps[self._get_variable_index(variable)]
        self.assign_add(steps, 1.0)
        own, shared = self._correction(steps), self._correction(self.iterations + 1)
        super().update_step(gradient, variable, learning_rate * own / shared)

    def _correction(self, steps: Any) -> Any:
        """What Adam multiplies the rate with at step `steps`, from 1 on."""
        first, second = (
            1 - keras.ops.power(beta, keras.ops.cast(steps, "float32")) for beta in (self.beta_1, self.beta_2)
        )
        return keras.ops.sqrt(second) / first


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdam(_Grouped, _StepsOfEach):
    """Adam (arXiv:1412.6980) with a rate for each group and decoupled decay (arXiv:1711.05101)."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedSGD(_Grouped, keras.optimizers.SGD):
    """SGD with a rate for each group and decoupled decay."""


def rates_of(groups: Mapping[str, Sequence[Any]], decay: float) -> dict[str, float]:
    """The share of the rate of each variable, by its path: `decay` for each group between it and the head.

    Args:
        groups: layers by group, from input to head.
        decay: factor in (0, 1].
    """
    depths = depths_of(list(groups))
    return {
        variable.path: decay ** depths[name]
        for name, operations in groups.items()
        for operation in operations
        for variable in getattr(operation, "trainable_variables", ())
    }


def kernels_of(groups: Mapping[str, Sequence[Any]]) -> list[str]:
    """Paths of the kernels: the weights of layers, but for biases, normalization, and tables of embeddings."""
    layers = [layer for operations in groups.values() for operation in operations for layer in within(operation)]
    # A layer comes before those inside of it: the last one to claim a variable is its own.
    owners = {variable.path: (variable, layer) for layer in layers for variable in getattr(layer, "variables", ())}
    return [
        path
        for path, (variable, layer) in owners.items()
        if "kernel" in variable.name and not isinstance(layer, _NOT_DECAYED)
    ]


_NOT_DECAYED = (
    keras.layers.Embedding,
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)


def rate_at(step: int, *, phase: Phase, steps: int) -> float:
    """The learning rate of step `step` in [0, steps): a linear rise, then a cosine to 0 or a constant."""
    rise = round(phase.warmup * steps)
    if step < rise:
        return phase.learning_rate * (step + 1) / (rise + 1)
    if phase.decay == "constant":
        return phase.learning_rate
    return phase.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))
