"""Floating-point operations (FLOPs) of layers and models, per example."""

from __future__ import annotations

import math

import keras

from kzoo.core.graph.walking import flat_operations, weights_of


def flops(operation: keras.Operation) -> float:
    """FLOPs of an operation on one example: multiply-adds with its kernels, times two.

    0 without a kernel, and of a look-up in a table. Sides of unknown length count as 1.
    """
    if isinstance(operation, keras.layers.Embedding):
        return 0.0
    total = 0.0
    for weight in weights_of(operation):
        if len(weight.shape) >= 2:
            positions = math.prod(size or 1 for size in keras.tree.flatten(operation.output)[0].shape[1:-1])
            total += 2.0 * math.prod(weight.shape) * positions
    return total


def model_flops(model: keras.Model) -> float:
    """FLOPs of a model on one example, see `flops`."""
    return sum(map(flops, flat_operations(model)))
