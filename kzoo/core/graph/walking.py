"""Walks through the graph of a functional model, and through layers within layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras

from kzoo.core.graph.keras_internals import attributes_of, inputs_of, operation_of
from kzoo.core.tensors import Tensor


def operations_of(model: keras.Model) -> list[keras.Operation]:
    """The operations of a model in the order of its graph; of a Sequential, which has none (Keras 3.15), its layers."""
    return list(getattr(model, "operations", None) or model.layers)


def flat_operations(model: keras.Model) -> Iterator[keras.Operation]:
    """The operations of a model, those of models within it in their place."""
    for operation in operations_of(model):
        if isinstance(operation, keras.Model):
            yield from flat_operations(operation)
        else:
            yield operation


def weights_of(operation: keras.Operation) -> Sequence[keras.Variable]:
    """The weights of a layer; none of an operation that is not a layer."""
    return getattr(operation, "weights", ())


def layers_of(model: keras.Model) -> list[keras.Layer]:
    """A model and all layers in it, those of nested models too."""
    inner = [each for layer in model.layers if isinstance(layer, keras.Model) for each in layers_of(layer)]
    return [model, *model.layers, *inner]


def within(layer: keras.Layer) -> Iterator[keras.Layer]:
    """A layer and all layers inside of it; an operation that is not a layer, alone."""
    yield layer
    seen = {id(layer)}
    pending = [layer]
    while pending:
        for value in _children(pending.pop()):
            if id(value) not in seen:
                seen.add(id(value))
                pending.append(value)
                yield value


def _children(layer: keras.Layer) -> list[keras.Layer]:
    values: list[object] = list(layer.layers) if isinstance(layer, keras.Model) else list(attributes_of(layer).values())
    found: list[keras.Layer] = []
    for value in values:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
        found += [item for item in items if isinstance(item, keras.Layer)]
    return found


def makers(model: keras.Model) -> dict[int, keras.Operation]:
    """The operation that makes each tensor of a model by its first call, by identity of the tensor."""
    return {id(tensor): each for each in model.operations for tensor in keras.tree.flatten(each.output)}


def follow(tensors: Sequence[Tensor], below: Sequence[Tensor]) -> bool:
    """Whether tensors can be computed from those below alone."""
    known, seen = {id(each) for each in below}, set()
    todo = list(tensors)
    while todo:
        tensor = todo.pop()
        if id(tensor) in known or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        inputs = inputs_of(tensor)
        if not inputs:
            return False
        todo += inputs
    return True


def meet(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether an operation is below both, apart from the model's inputs."""
    return bool(operations_below(tensors) & operations_below(others))


def operations_below(tensors: Sequence[Tensor]) -> set[int]:
    """Identities of all operations that tensors follow from, without the model's inputs."""
    found: set[int] = set()
    todo = list(tensors)
    while todo:
        tensor = todo.pop()
        operation, inputs = operation_of(tensor), inputs_of(tensor)
        if inputs and id(operation) not in found:
            found.add(id(operation))
            todo += inputs
    return found
