"""Freezing by flag: which weights and which moving statistics a phase may change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras


def set_trainable(groups: Mapping[str, Sequence[Any]], trained: Iterable[str], *, batch_norm: bool) -> None:
    """Sets every layer's flag: on in the groups of `trained`, off elsewhere; BatchNorm on only if `batch_norm`.

    A frozen BatchNorm runs with its moving statistics and keeps them; a call argument would not (Keras 3.15). The
    model has to be compiled after this.
    """
    trained = set(trained)
    for name, operations in groups.items():
        for operation in operations:
            if isinstance(operation, keras.Layer):
                _set(operation, name in trained, batch_norm=batch_norm)


def batch_norms(operations: Iterable[Any]) -> list[Any]:
    """The BatchNormalization layers among operations, and inside them."""
    layers = [each for operation in operations if isinstance(operation, keras.Layer) for each in within(operation)]
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def _set(layer: keras.Layer, on: bool, *, batch_norm: bool) -> None:
    # The parent first: its flag runs down to its children, and setting True on True does nothing (Keras 3.15).
    layer.trainable = False
    layer.trainable = on
    if on and not batch_norm:
        for inner in batch_norms([layer]):
            inner.trainable = False


def within(layer: Any) -> Iterator[Any]:
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
    values: list[Any] = list(layer.layers) if isinstance(layer, keras.Model) else list(vars(layer).values())
    found: list[keras.Layer] = []
    for value in values:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
        found += [item for item in items if isinstance(item, keras.Layer)]
    return found
