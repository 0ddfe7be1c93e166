"""A model cut in two at some of its tensors: the frozen trunk below, the tail above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kzoo.core.graph.calling import pack
from kzoo.core.tensors import Tensor


@dataclass(frozen=True)
class Cut:
    """A model in two parts that share its layers.

    Args:
        trunk: from the model's input to the tensors at the cut; None where the cut is the input itself.
        tail: from the tensors at the cut to the model's output.
    """

    trunk: keras.Model | None
    tail: keras.Model


def cut(model: keras.Model, tensors: Sequence[Tensor]) -> Cut:
    """Splits a model at `tensors`."""
    tail = keras.Model(pack(tensors), model.output, name="tail")
    if len(tensors) == 1 and tensors[0] is model.input:
        return Cut(None, tail)
    return Cut(keras.Model(model.input, list(tensors), name="trunk"), tail)


def numbers_at(tensors: Sequence[Tensor], model: keras.Model) -> int:
    """Numbers that cross a cut for one example; 0 where it is the example itself, and nothing is below."""
    if tensors[0] is model.input:
        return 0
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)
