"""Assembly: backbone and head as one graph, with its groups and where it can be cut."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kzoo.models.heads import build_head
from kzoo.models.stages import crossing, cut_into_stages, weights_of
from kzoo.specs.head import Head


@dataclass(frozen=True)
class Assembled:
    """A backbone with its head.

    Args:
        model: from the backbone's input, scaled float32 (B, S, S, 3), to logits (B, outputs).
        groups: layers of each group, from the input to the head, which is last.
        cuts: tensors that enter each group: below them, all is frozen while nothing lower trains.
        features: name of the layer whose output is the backbone's.
    """

    model: keras.Model
    groups: Mapping[str, tuple[Any, ...]]
    cuts: Mapping[str, tuple[Any, ...]]
    features: str

    def cut_size(self, group: str) -> int:
        """Numbers that enter a group for one example; 0 where it is the example itself, and nothing is below."""
        if self.cuts[group][0] is self.model.input:
            return 0
        return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in self.cuts[group])


def assemble(backbone: keras.Model, *, head: Head, outputs: int) -> Assembled:
    """Puts `head` on `backbone`; their layers stand side by side in one graph.

    Args:
        backbone: functional, of one input (B, S, S, C) and one output.
        head: its description.
        outputs: number of logits.
    """
    stages = cut_into_stages(backbone)
    logits = build_head(head, backbone.output, outputs=outputs)
    model = keras.Model(backbone.input, logits, name=f"{backbone.name}_adapted")
    below = {id(layer) for stage in stages for layer in stage.layers}
    top = [operation for operation in model.operations if id(operation) not in below]
    groups = {stage.name: stage.layers for stage in stages} | {"head": tuple(top)}
    cuts = {stage.name: stage.cut for stage in stages} | {"head": _head_cut(model, below)}
    features = next(layer.name for layer in backbone.operations if layer.output is backbone.output)
    return Assembled(model, groups, cuts, features)


def _head_cut(model: keras.Model, below: set[int]) -> tuple[Any, ...]:
    """The tensors that enter the first operation of the head that learns or draws at random: above its pooling."""
    operations = list(model.operations)
    for position, operation in enumerate(operations):
        if id(operation) not in below and (weights_of(operation) or hasattr(operation, "seed_generator")):
            return crossing(operations, position)
    raise ValueError("The head has no layer with weights: there is nothing to train.")
