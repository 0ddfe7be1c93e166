"""All that kzoo uses of Keras and is not public.

Each function rests on private attributes of Keras 3.15, which its docstring names. A release of Keras that changes one
fails in ``tests/core/graph/test_keras_internals.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from kzoo.core.tensors import Tensor


def operation_of(tensor: Tensor) -> keras.Operation:
    """The operation whose call made a Keras tensor, an InputLayer among them (``KerasTensor._keras_history``)."""
    return tensor._keras_history.operation


def place_of(tensor: Tensor) -> int:
    """Number of a Keras tensor among the outputs of the call that made it (``KerasTensor._keras_history``)."""
    return tensor._keras_history.tensor_index


def inputs_of(tensor: Tensor) -> list[Tensor]:
    """Inputs of the call that made a Keras tensor; none for a model input (``Operation._inbound_nodes``)."""
    history = tensor._keras_history
    return list(history.operation._inbound_nodes[history.node_index].input_tensors)


def attributes_of(layer: keras.Layer) -> dict[str, Any]:
    """The attributes of a layer by name, the layers in it among them (``Layer.__dict__``).

    Writing to this dict changes the layer without the checks of Keras, which locks a layer once it is built.
    """
    return vars(layer)


def public_attributes_of(layer: keras.Layer) -> dict[str, Any]:
    """A copy of `attributes_of` without those of Keras's own, whose names begin with an underscore."""
    return {name: value for name, value in attributes_of(layer).items() if not name.startswith("_")}


def variable_index(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """Number of a variable among those that an optimizer was built for (``Optimizer._get_variable_index``).

    Args:
        optimizer: built.
        variable: as `update_step` gets it: with TensorFlow a ``tf.Variable``, of one replica under a strategy.
    """
    return optimizer._get_variable_index(variable)


def variable_path(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> str:
    """Path of the Keras variable that `update_step` gets as another object (``Optimizer._trainable_variables``)."""
    return optimizer._trainable_variables[variable_index(optimizer, variable)].path


@contextlib.contextmanager
def momentum_product(nadam: keras.optimizers.Nadam, product: keras.Variable) -> Iterator[None]:
    """Inside the context, Nadam uses `product` as the product of its momenta (``Nadam._u_product``)."""
    shared, nadam._u_product = nadam._u_product, product
    try:
        yield
    finally:
        nadam._u_product = shared
