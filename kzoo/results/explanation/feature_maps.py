"""Feature maps: the last tensors of a backbone that still know where something is, found from its graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kzoo.core.graph.keras_internals import inputs_of, operation_of
from kzoo.core.graph.opening import tensors_below
from kzoo.core.graph.walking import weights_of
from kzoo.core.tensors import Tensor

SPECIAL = 8
"""Tokens in front of those of patches, at most: a class token, a token of distillation, registers."""

EARLIER = 24
"""Sequences of tokens below the last one that are tried, at most."""


@dataclass(frozen=True)
class FeatureMap:
    """A place in the graph at which an explanation can be drawn.

    Args:
        name: of the member of a fusion or an ensemble, or of the layer.
        tensors: Keras tensors (B, h, w, C) or (B, T, C), the last of the graph first. The first one that the output
            depends on counts: a head on the class token of a ViT sees no other token of the last block.
    """

    name: str
    tensors: Sequence[Tensor]


def find_feature_maps(inputs: Tensor, features: Tensor) -> list[FeatureMap]:
    """The last feature maps on all ways to the backbone's output: one, or one for each member of a fusion.

    Args:
        inputs: Keras tensor: images (B, H, W, C), or features (B, steps, values) of recordings.
        features: Keras tensor, the output of the backbone.

    Returns:
        None where all ways come from the input without a feature map, as in a network of dense layers.
    """
    sequence = len(inputs.shape) == 3
    found = _nearest(features, sequence=sequence)
    names = [operation_of(tensor).name for tensor in found]
    members = [name.rpartition(".")[0] or name for name in names]
    names = members if len(set(members)) == len(members) else names
    return [
        FeatureMap(name, [tensor, *_earlier(tensor)] if len(tensor.shape) == 3 else [tensor])
        for name, tensor in zip(names, found, strict=True)
    ]


def _nearest(tensor: Tensor, *, sequence: bool) -> list[Tensor]:
    """The first maps on all ways down from a tensor, the tensor itself among them."""
    found, seen, todo = [], set(), [tensor]
    while todo:
        each = todo.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        if _is_map(each, sequence=sequence) and not _is_stack(each, sequence=sequence):
            found.append(each)
        else:
            todo += inputs_of(each)
    return found


def _is_map(tensor: Tensor, *, sequence: bool) -> bool:
    shape = tensor.shape
    if len(shape) == 4:
        places = shape[1:3] != (1, 1)
    else:
        places = len(shape) == 3 and bool(shape[1]) and (shape[1] > 1 if sequence else edge_of(shape[1]) > 0)
    return places and any(map(_learns, tensors_below(tensor)))


def _learns(tensor: Tensor) -> bool:
    operation = operation_of(tensor)
    return bool(weights_of(operation)) and not isinstance(operation, keras.layers.Normalization)


def _is_stack(tensor: Tensor, *, sequence: bool) -> bool:
    """Whether a sequence (B, T, C) is one of embeddings, each of another map below: that of a fusion."""
    if len(tensor.shape) != 3 or tensor.shape[1] > SPECIAL:
        return False
    below = {id(each) for start in inputs_of(tensor) for each in _maps_below(start, sequence=sequence)}
    return len(below) >= tensor.shape[1] > 1


def _maps_below(tensor: Tensor, *, sequence: bool) -> list[Tensor]:
    """The first images' maps (B, h, w, C) on all ways down from a tensor."""
    found, seen, todo = [], set(), [tensor]
    while todo:
        each = todo.pop()
        if id(each) not in seen:
            seen.add(id(each))
            if len(each.shape) == 4 and _is_map(each, sequence=sequence):
                found.append(each)
            else:
                todo += inputs_of(each)
    return found


def _earlier(tensor: Tensor) -> list[Tensor]:
    """The sequences of as many tokens that a sequence is computed from, the last first."""
    below = [each for each in tensors_below(tensor)[-2::-1] if len(each.shape) == 3]
    return [each for each in below if each.shape[1] == tensor.shape[1]][:EARLIER]


def edge_of(tokens: int) -> int:
    """Edge of the square of patches that a number of tokens stands for, with special ones in front; 0: of none.

    Example:
        >>> edge_of(196), edge_of(197), edge_of(201), edge_of(220)
        (14, 14, 14, 0)
    """
    edge = math.isqrt(tokens)
    return edge if edge > 1 and tokens - edge**2 <= SPECIAL else 0


def as_grid(values: Tensor, *, sequence: bool) -> Tensor:
    """Values at places, (B, h, w, C), of a map or of tokens (B, T, C); w is 1 for a sequence in time."""
    if len(values.shape) == 4:
        return values
    if sequence:
        return values[:, :, None]
    edge = edge_of(values.shape[1])
    return keras.ops.reshape(values[:, values.shape[1] - edge**2 :], (-1, edge, edge, values.shape[-1]))
