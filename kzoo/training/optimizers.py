"""Optimizers whose rate differs from group to group, and the course of the rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kzoo.core.graph.keras_internals import momentum_product, variable_index, variable_path
from kzoo.core.graph.walking import weights_of, within
from kzoo.core.tensors import Config, Tensor
from kzoo.specs.group_patterns import depths_of
from kzoo.specs.phases import Phase
from kzoo.training.freezing import Groups


def build_optimizer(
    name: str, variables: Sequence[keras.Variable], options: Mapping[str, object] | Sequence[tuple[str, object]] = ()
) -> keras.optimizers.Optimizer:
    """An optimizer that knows all variables that any phase will train, so that its state survives every phase.

    Args:
        name: as of `kzoo.Phase`.
        variables: all trainable variables of the model, while nothing is frozen.
        options: other arguments than those that the name stands for, by name.
    """
    optimizer = optimizer_class(name)(learning_rate=1e-3, **{**DEFAULTS.get(name, {}), **dict(options)})
    optimizer.build(variables)
    return optimizer


def optimizer_class(name: str) -> type[keras.optimizers.Optimizer]:
    """The class with rates by group of a name, or of a class of the user's that is registered with Keras.

    Raises:
        ValueError: there is none.
    """
    if name in _CLASSES:
        return _CLASSES[name]
    own = keras.saving.get_registered_object(name)
    if not (isinstance(own, type) and issubclass(own, keras.optimizers.Optimizer)):
        raise ValueError(f"No optimizer {name!r} is registered with keras.saving.register_keras_serializable.")
    return type(f"Grouped{own.__name__}", (_Grouped, own), {})


class _Grouped(keras.optimizers.Optimizer):
    """Scales the rate of each variable, and its decoupled weight decay with it.

    Scaling in `update_step` is right for Adam too, where scaling gradients would change nothing (Keras 3.15).
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        *,
        factors: Mapping[str, float | np.ndarray] | None = None,
        decays: Mapping[str, float] | None = None,
        **options: object,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.set_groups(factors or {}, decays=decays or {})

    def set_groups(self, factors: Mapping[str, float | np.ndarray], *, decays: Mapping[str, float]) -> None:
        """Sets each variable's share of the rate and its weight decay, before the model is compiled.

        Args:
            factors: by path of the variable, in [0, inf), one number or one for each output of a layer; 1 where a path
                is missing.
            decays: by path of the variable, per step and unit of its rate, in [0, inf); 0 where a path is missing.
        """
        self._factors, self._decays = dict(factors), dict(decays)

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """One step of one variable, at its own rate."""
        path = variable_path(self, variable)
        rate = learning_rate * self._factors.get(path, 1.0)
        if self._decays.get(path):
            self.assign_sub(variable, keras.ops.cast(variable * rate * self._decays[path], variable.dtype))
        super().update_step(gradient, variable, rate)

    def get_config(self) -> Config:
        """Arguments of the optimizer."""
        factors = {path: np.asarray(each).tolist() for path, each in self._factors.items()}
        return super().get_config() | {"factors": factors, "decays": dict(self._decays)}


class _StepsOfEach(keras.optimizers.Optimizer):
    """An optimizer that counts the steps of each variable: Adam's kind corrects a bias by them.

    Keras 3.15 corrects by `iterations`, which goes on while a variable is frozen. The moments of a variable that is
    unfrozen after 1000 steps start at zero, and its steps would be up to 5 times too long.
    """

    _own: Tensor | None = None

    @property
    def iterations(self) -> Tensor:
        """Steps made before: within `update_step` those of the variable, else those of the optimizer."""
        return super().iterations if self._own is None else self._own

    def build(self, var_list: Sequence[keras.Variable]) -> None:
        """Makes the moments, and a count of steps, float32 (), for each variable."""
        if self.built:
            return
        super().build(var_list)
        self._steps = [self.add_variable((), dtype="float32", name="steps") for _ in var_list]

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """One step of one variable, corrected by how many it has made."""
        steps = self._steps[variable_index(self, variable)]
        self._own = keras.ops.cast(steps, "float32")
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self._own = None
        self.assign_add(steps, 1.0)


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdam(_Grouped, _StepsOfEach, keras.optimizers.Adam):
    """Adam (arXiv:1412.6980) with a rate for each group and decoupled decay (arXiv:1711.05101)."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedNadam(_Grouped, _StepsOfEach, keras.optimizers.Nadam):
    """Nadam with a rate for each group and decoupled decay."""

    def build(self, var_list: Sequence[keras.Variable]) -> None:
        """Makes the moments, and the product of the momenta so far, float32 (), for each variable."""
        if self.built:
            return
        super().build(var_list)
        self._products = [self.add_variable((), initializer="ones", name="product") for _ in var_list]

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """One step of one variable, with a course of the momentum of its own."""
        index = variable_index(self, variable)
        step = keras.ops.cast(self._steps[index], "float32") + 1.0
        product = self._products[index]
        self.assign(product, product * self.beta_1 * (1.0 - 0.5 * keras.ops.power(0.96, step)))
        with momentum_product(self, product):
            super().update_step(gradient, variable, learning_rate)


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdamax(_Grouped, _StepsOfEach, keras.optimizers.Adamax):
    """Adamax with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdafactor(_Grouped, _StepsOfEach, keras.optimizers.Adafactor):
    """Adafactor (arXiv:1804.04235) with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedSGD(_Grouped, keras.optimizers.SGD):
    """SGD with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdagrad(_Grouped, keras.optimizers.Adagrad):
    """Adagrad with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedAdadelta(_Grouped, keras.optimizers.Adadelta):
    """Adadelta with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedRMSprop(_Grouped, keras.optimizers.RMSprop):
    """RMSprop with a rate for each group and decoupled decay."""


@keras.saving.register_keras_serializable(package="kzoo")
class GroupedLion(_Grouped, keras.optimizers.Lion):
    """Lion (arXiv:2302.06675) with a rate for each group and decoupled decay."""


_CLASSES: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": GroupedAdam,
    "adamw": GroupedAdam,
    "sgd": GroupedSGD,
    "nadam": GroupedNadam,
    "adamax": GroupedAdamax,
    "adafactor": GroupedAdafactor,
    "adagrad": GroupedAdagrad,
    "adadelta": GroupedAdadelta,
    "rmsprop": GroupedRMSprop,
    "lion": GroupedLion,
}
"""By name in a phase. AdamW is Adam with a weight decay, which is the phase's."""

DEFAULTS: dict[str, Config] = {"sgd": {"momentum": 0.9, "nesterov": True}}
"""What a name stands for, where that is not Keras's own."""


def rates_of(groups: Groups, decay: float) -> dict[str, float]:
    """The share of the rate of each weight, by its path: `decay` for each group between it and the head.

    Args:
        groups: layers by group, from input to head.
        decay: factor in (0, 1].
    """
    depths = depths_of(list(groups))
    return {
        variable.path: decay ** depths[name]
        for name, operations in groups.items()
        for operation in operations
        for variable in weights_of(operation)
    }


def kernels_of(groups: Groups) -> list[str]:
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
    """The learning rate of step `step` in [0, steps): a linear rise, then a cosine to 0 or a constant.

    ``keras.optimizers.schedules.CosineDecay`` gives the same numbers to 1e-7, but computes each in TensorFlow
    operations: milliseconds a step instead of a microsecond (Keras 3.15, CPU).
    """
    rise = round(phase.warmup * steps)
    if step < rise:
        return phase.learning_rate * (step + 1) / (rise + 1)
    if phase.decay == "constant":
        return phase.learning_rate
    return phase.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))
