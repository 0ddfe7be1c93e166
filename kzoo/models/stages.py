"""Stages: a backbone cut into consecutive parts, from its graph and not from its names.

A stage is a run of layers whose images have one height. Two rules make that exact on real architectures:

- The height of an operation is the largest one among itself and all that follows from it. So a squeeze-and-excite
  branch (1x1, then multiplied into 14x14) belongs to the 14x14 stage, and a padding before a strided convolution to
  the stage that it pads. A new stage begins where the height falls below 2/3 of what it was.
- The border is moved from there to the nearest narrowest place, where the fewest numbers cross it. So a pooling
  belongs to the stage below, the expansion in front of a strided depthwise convolution to its own block, and what
  has to be kept of a frozen part is small.

A model that keeps one height throughout (a transformer, a dense network) has a stage for each of its blocks, the
layers that have several layers inside; without these, for each of its layers that has weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kzoo.core.graph.keras_internals import attributes_of
from kzoo.core.graph.walking import weights_of
from kzoo.core.tensors import Tensor

SHRINKS = 2 / 3
LOOK_BACK = 8
"""Operations without a narrower place after which the search for one ends: less than a residual block."""


@dataclass(frozen=True)
class Stage:
    """A consecutive part of a backbone.

    Args:
        name: ``stem``, ``stage1``, ...
        layers: its operations, in graph order.
        cut: the tensors that enter it (and leave all that is below it).
    """

    name: str
    layers: tuple[keras.Operation, ...]
    cut: tuple[Tensor, ...]

    @property
    def parameters(self) -> int:
        """Numbers in its weights, moving statistics included."""
        return sum(math.prod(weight.shape) for layer in self.layers for weight in weights_of(layer))


def cut_into_stages(model: keras.Model) -> tuple[Stage, ...]:
    """The stages of a functional model of one input, from input to output."""
    operations = list(model.operations)
    if not _is_plain(operations):
        return (Stage("stem", tuple(operations), tuple(model.inputs)),)
    borders = _borders(operations)
    stages = []
    for number, (start, end) in enumerate(zip(borders, [*borders[1:], len(operations)], strict=True)):
        name = f"stage{number}" if number else "stem"
        stages.append(Stage(name, tuple(operations[start:end]), crossing(operations, start) or tuple(model.inputs)))
    return tuple(stages)


def _is_plain(operations: Sequence[keras.Operation]) -> bool:
    """Whether each tensor used is made by the first call of an operation, so that the graph can be read off them."""
    made = {id(tensor) for operation in operations for tensor in _tensors(operation.output)}
    return all(id(tensor) in made for operation in operations for tensor in _inputs(operation))


def _borders(operations: Sequence[keras.Operation]) -> list[int]:
    heights = _heights(operations)
    borders = [0]
    current = heights[0]
    for position, height in enumerate(heights):
        if 0 < height < current * SHRINKS:
            borders.append(_narrowest(operations, position, borders[-1]))
            current = height
    if len(borders) == 1:
        weighted = [position for position, operation in enumerate(operations) if weights_of(operation)]
        blocks = [position for position in weighted if _is_block(operations[position])]
        borders = [0, *blocks] if len(blocks) > 1 else [0, *weighted[1:]]
    return _with_weights(operations, sorted(set(borders)))


def _is_block(operation: keras.Operation) -> bool:
    """Whether an operation has layers with weights inside of it, as a transformer's block has."""
    parts = attributes_of(getattr(operation, "inner", operation))
    return sum(isinstance(inner, keras.Layer) and bool(inner.weights) for inner in parts.values()) > 1


def _heights(operations: Sequence[keras.Operation]) -> list[int]:
    """Height of each operation: the largest among its own and its descendants'."""
    users: dict[int, list[int]] = {}
    for position, operation in enumerate(operations):
        for tensor in _inputs(operation):
            users.setdefault(id(tensor), []).append(position)
    heights = [0] * len(operations)
    for position in reversed(range(len(operations))):
        outputs = _tensors(operations[position].output)
        own = [tensor.shape[1] or 0 for tensor in outputs if len(tensor.shape) == 4]
        later = [heights[user] for tensor in outputs for user in users.get(id(tensor), ())]
        heights[position] = max([*own, *later, 0])
    return heights


def _narrowest(operations: Sequence[keras.Operation], position: int, lowest: int) -> int:
    """The nearest narrowest place around `position`, with weights below it and its first weights above it."""
    weighted = [place for place, operation in enumerate(operations) if weights_of(operation)]
    first = next((place for place in weighted if place >= lowest), position)
    last = next((place for place in weighted if place >= position), position)
    best, least = last, _size(crossing(operations, last))
    for candidate in range(last - 1, first, -1):
        size = _size(crossing(operations, candidate))
        if size < least:
            best, least = candidate, size
        elif best - candidate > LOOK_BACK:
            break
    return best


def _with_weights(operations: Sequence[keras.Operation], borders: Sequence[int]) -> list[int]:
    """Borders such that each part has weights: a part without joins its lower neighbour, the first its upper.

    A border that something without a batch crosses is none.
    """
    kept: list[int] = []
    for start, end in zip(borders, [*borders[1:], len(operations)], strict=True):
        if any(weights_of(operation) for operation in operations[start:end]):
            kept.append(start)
    if not kept:
        return [0]
    return [0, *(start for start in kept[1:] if _has_batch(crossing(operations, start)))]


def _has_batch(tensors: Sequence[Tensor]) -> bool:
    """Whether all have a first axis for examples: others, as rotary positions, cannot be kept for each example."""
    return all(len(tensor.shape) and tensor.shape[0] is None for tensor in tensors)


def crossing(operations: Sequence[keras.Operation], position: int) -> tuple[Tensor, ...]:
    """Tensors made before `position` and used at it or after it, or that are the model's output."""
    made = {id(tensor): tensor for operation in operations[:position] for tensor in _tensors(operation.output)}
    crossing: dict[int, Tensor] = {}
    for operation in operations[position:]:
        for tensor in _inputs(operation):
            if id(tensor) in made:
                crossing[id(tensor)] = tensor
    return tuple(crossing.values())


def _size(tensors: Sequence[Tensor]) -> int:
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)


def _inputs(operation: keras.Operation) -> list[Tensor]:
    return [] if isinstance(operation, keras.layers.InputLayer) else _tensors(operation.input)


def _tensors(nested: Tensor) -> list[Tensor]:
    return keras.tree.flatten(nested)
