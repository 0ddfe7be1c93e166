"""Freezing by flag: which weights and which moving statistics a phase may change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import keras

from kzoo.core.graph.walking import within

Groups = Mapping[str, Sequence[keras.Operation]]
"""Layers and other operations by group, from input to head."""


def set_trainable(groups: Groups, trained: Iterable[str], *, batch_norm: bool) -> None:
    """Sets every layer's flag: on in the groups of `trained`, off elsewhere; BatchNorm on only if `batch_norm`.

    A frozen BatchNorm runs with its moving statistics and keeps them; a call argument would not (Keras 3.15). The
    model has to be compiled after this.
    """
    trained = set(trained)
    for name, operations in groups.items():
        for operation in operations:
            if isinstance(operation, keras.Layer):
                _set(operation, name in trained, batch_norm=batch_norm)


def batch_norms(operations: Iterable[keras.Operation]) -> list[keras.layers.BatchNormalization]:
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
