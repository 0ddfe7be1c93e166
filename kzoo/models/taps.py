"""Taps: intermediate feature maps of a backbone, pooled for the head beside the backbone's output.

A linear head on many layers makes better use of a frozen backbone than one on the last (Head2Toe, arXiv:2201.03529).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.graph.walking import makers
from kzoo.core.tensors import Tensor

MOST = 3.0
"""Channels of all taps together, as a multiple of the backbone's own; beyond it, taps are thinned out evenly."""


def find_taps(backbone: keras.Model) -> list[Tensor]:
    """Tensors (B, h, w, C) that a convolution or dense layer mixes right after something nonlinear, in graph order."""
    made_by = makers(backbone)
    found: dict[int, Tensor] = {}
    for operation in backbone.operations:
        if isinstance(operation, keras.layers.Conv2D | keras.layers.Dense):
            tensor = operation.input
            while isinstance(made_by.get(id(tensor)), keras.layers.ZeroPadding2D | keras.layers.Dropout):
                tensor = made_by[id(tensor)].input
            if _is_map(tensor) and _is_nonlinear(made_by.get(id(tensor))) and tensor is not backbone.output:
                found[id(tensor)] = tensor
    return _thinned(list(found.values()), most=MOST * backbone.output_shape[-1])


def _thinned(tensors: Sequence[Tensor], *, most: float) -> list[Tensor]:
    """All tensors, or each second, third ... from the last one back, so that they have at most so many channels."""
    for step in range(1, len(tensors) + 1):
        kept = tensors[::-1][::step]
        if sum(tensor.shape[-1] for tensor in kept) <= most:
            return list(kept[::-1])
    return []


def _is_map(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[1:3] != (1, 1)


def _is_nonlinear(operation: keras.Operation) -> bool:
    kinds = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU, keras.layers.Multiply)
    return isinstance(operation, kinds) or getattr(operation, "activation", keras.activations.linear) not in (
        None,
        keras.activations.linear,
    )
