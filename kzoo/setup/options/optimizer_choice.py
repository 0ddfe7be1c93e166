"""The choice of an optimizer: a name, or a Keras optimizer, as plain values of a phase."""

from __future__ import annotations

import dataclasses
import difflib

import keras
import numpy as np

from kzoo.specs.phases import OPTIMIZERS
from kzoo.specs.training_options import OptimizerChoice, TrainingOptions
from kzoo.training.optimizers import DEFAULTS, optimizer_class

_PLAIN = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "nadam": keras.optimizers.Nadam,
    "adamax": keras.optimizers.Adamax,
    "adafactor": keras.optimizers.Adafactor,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "rmsprop": keras.optimizers.RMSprop,
    "lion": keras.optimizers.Lion,
}


def with_described_optimizer(options: TrainingOptions) -> TrainingOptions:
    """The same options with their optimizer as plain values; see `describe_optimizer`."""
    if options.optimizer is None or isinstance(options.optimizer, OptimizerChoice):
        return options
    return dataclasses.replace(options, optimizer=describe_optimizer(options.optimizer))


def describe_optimizer(optimizer: object) -> OptimizerChoice:
    """An optimizer as plain values.

    Args:
        optimizer: a name, or a Keras optimizer, of which the arguments are used, but no state.

    Raises:
        ValueError: there is none of that name, or an argument cannot be used.
        TypeError: it is neither.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            near = difflib.get_close_matches(optimizer, OPTIMIZERS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            solved = " The solver of a probe is kzoo.LinearProbe()." if optimizer == "lbfgs" else ""
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)}, or a Keras optimizer. Got {optimizer!r}."
                f"{hint}{solved}"
            )
        return OptimizerChoice(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, or a Keras optimizer. Got {optimizer!r}.")
    name, config = _name_of(optimizer), optimizer.get_config()
    rate, decay = config.pop("learning_rate"), config.pop("weight_decay", None)
    if not isinstance(rate, float):
        raise ValueError(
            f"The learning_rate of {type(optimizer).__name__} must be a float: kzoo sets the rate of each step itself, "
            "see Phase(warmup=, decay=). Pass a float instead of a schedule."
        )
    for idle in ("use_ema", "gradient_accumulation_steps", "loss_scale_factor"):
        if config.get(idle):
            raise ValueError(f"{type(optimizer).__name__}({idle}=...) is not supported here: leave {idle} out.")
    plain = optimizer_class(name)(learning_rate=1e-3, **DEFAULTS.get(name, {})).get_config()
    others = {key: value for key, value in config.items() if key != "name" and value != plain.get(key)}
    return OptimizerChoice(name, tuple(sorted(others.items())), learning_rate=_shortest(rate), weight_decay=decay)


def _name_of(optimizer: keras.optimizers.Optimizer) -> str:
    """The name of an optimizer's class in a phase."""
    kind = type(optimizer)
    # Its config is taken for that of the class itself: a subclass is another one.
    name = next((name for name in OPTIMIZERS if _PLAIN[name] is kind), keras.saving.get_registered_name(kind))
    if name not in _PLAIN and (">" not in name or name.startswith("kzoo>")):
        raise ValueError(
            f"The optimizer {kind.__name__} is not supported. Take one of {', '.join(OPTIMIZERS)}; or register "
            "your own class with keras.saving.register_keras_serializable."
        )
    return name


def _shortest(rate: float) -> float:
    """The number that a user wrote: Keras keeps 0.001 as float32, which is 0.0010000000474974513."""
    return float(str(np.float32(rate)))
