"""A model without models inside: their layers stand in one graph with its own."""

from __future__ import annotations

import keras

from kzoo.core.graph.calling import pack
from kzoo.core.graph.cloning import replay
from kzoo.core.graph.keras_internals import inputs_of
from kzoo.core.graph.walking import operations_of
from kzoo.core.tensors import Tensor


def open_nested(model: keras.Model) -> keras.Model:
    """The same layers, with the same weights, in one graph; the model itself where no model is inside of it.

    Args:
        model: functional, of one input. Subclassed models inside stay as they are: they have no graph.
    """
    if not any(map(_has_graph, operations_of(model))):
        return model
    inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype)
    return keras.Model(inputs, replay(model, inputs, renew=lambda operation: operation, call=_call))


def _has_graph(operation: keras.Operation) -> bool:
    """Whether an operation is a functional or a sequential model."""
    return isinstance(operation, keras.Sequential) or hasattr(operation, "operations")


def _call(operation: keras.Operation, *arguments: Tensor, **options: object) -> Tensor:
    """Calls a layer; of a model, the layers inside of it."""
    if not _has_graph(operation):
        return operation(*arguments, **options)
    # Keras clones a Sequential only as a whole (3.15), and wants inputs in the structure that a model was made with.
    inside = keras.Model(pack(operation.inputs), operation.outputs)
    found = replay(inside, pack(keras.tree.flatten(arguments[0])), renew=lambda each: each, call=_call)
    return keras.tree.pack_sequence_as(operation.output, found)


def tensors_below(tensor: Tensor) -> list[Tensor]:
    """A Keras tensor and all that it is computed from, inputs first."""
    order: list[Tensor] = []
    seen: set[int] = set()
    todo = [(tensor, False)]
    while todo:
        each, ready = todo.pop()
        if ready:
            order.append(each)
        elif id(each) not in seen:
            seen.add(id(each))
            todo += [(each, True), *((other, False) for other in inputs_of(each))]
    return order
