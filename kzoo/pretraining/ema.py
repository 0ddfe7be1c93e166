"""Exponential moving averages of weights and BatchNorm statistics (Polyak and Juditsky 1992).

Keras's optimizers average what they train, and nothing else (3.15): averaged weights would meet the statistics of other
weights then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from kzoo.core.tensors import Logs


class Averages(keras.callbacks.Callback):
    """An exponential moving average of variables, after each step.

    Args:
        variables: of floats.
        momentum: in [0, 1); in step t at most (1 + t) / (10 + t), so that the start is soon forgotten.
    """

    def __init__(self, variables: Sequence[keras.Variable], momentum: float) -> None:
        super().__init__()
        self.variables, self.momentum = list(variables), momentum
        self.means = [tf.Variable(variable.numpy(), trainable=False) for variable in self.variables]
        self.count = tf.Variable(tf.zeros(()), trainable=False)
        self._step = tf.function(self._move)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the averages on by a step."""
        self._step()

    @property
    def state(self) -> list[tf.Variable]:
        """All that the next step follows from."""
        return [*self.means, self.count]

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Inside, the variables have their averages."""
        values = [variable.numpy() for variable in self.variables]
        self.keep()
        try:
            yield
        finally:
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(value)

    def keep(self) -> None:
        """Gives the variables their averages."""
        for variable, mean in zip(self.variables, self.means, strict=True):
            variable.assign(mean.numpy())

    def _move(self) -> None:
        share = tf.minimum(self.momentum, (1.0 + self.count) / (10.0 + self.count))
        for mean, variable in zip(self.means, self.variables, strict=True):
            mean.assign(share * mean + (1.0 - share) * tf.convert_to_tensor(variable.value))
        self.count.assign_add(1.0)
