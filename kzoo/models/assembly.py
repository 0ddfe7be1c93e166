"""Backbone and head as one graph, with its groups and the tensors at which it can be cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from kzoo.core.graph.walking import weights_of
from kzoo.core.tensors import Tensor
from kzoo.models.heads import build_head
from kzoo.models.packed_layers import JoinParts
from kzoo.models.stages import Stage, crossing, cut_into_stages
from kzoo.models.taps import find_taps
from kzoo.models.zoo.tfidf import TfidfEmbedding
from kzoo.specs.head import Head


@dataclass(frozen=True)
class Assembled:
    """A backbone with its head.

    Args:
        model: from the backbone's input, scaled float32 (B, S, S, 3), to logits (B, outputs).
        groups: layers of each group, from the input to the head, which is last.
        cuts: tensors that enter each group: below them, all is frozen while nothing lower trains.
        features: name of the layer whose output is the backbone's.
        joined: that layer, where it joins the features of several inputs; else None.
        sparse: that layer, where the logits are linear in its table and its weights, as in `TfidfEmbedding`; else None.
    """

    model: keras.Model
    groups: Mapping[str, tuple[keras.Operation, ...]]
    cuts: Mapping[str, tuple[Tensor, ...]]
    features: str
    sparse: TfidfEmbedding | None = None
    joined: JoinParts | None = None


def assemble(backbone: keras.Model, *, head: Head, outputs: int, stages: Sequence[Stage] | None = None) -> Assembled:
    """Puts `head` on `backbone`; their layers stand side by side in one graph.

    Args:
        backbone: functional, of one input (B, S, S, C) and one output.
        head: its description.
        outputs: number of logits.
        stages: the backbone's; None: as it is cut by itself.
    """
    stages = stages or cut_into_stages(backbone)
    levels, layers = _levels(backbone, stages) if head.levels == "all" and not head.registered else (None, {})
    logits = build_head(head, backbone.output, levels=levels, outputs=outputs)
    model = keras.Model(backbone.input, logits, name=f"{backbone.name}_adapted")
    below = {id(layer) for stage in stages for layer in stage.layers}
    top = [operation for operation in model.operations if id(operation) not in below]
    groups = {stage.name: stage.layers for stage in stages} | {"head": tuple(top)}
    cuts = {stage.name: stage.cut for stage in stages} | {"head": _head_cut(model, below)}
    if levels is not None:
        # Each tap's mean is taken as soon as it can be: it crosses a cut then, and not the map that it is the mean of.
        order = [operation for stage in stages for operation in (*stage.layers, *layers[stage.name])]
        for stage in stages[1:]:
            start = next(place for place, operation in enumerate(order) if operation is stage.layers[0])
            cuts[stage.name] = crossing([*order, *(each for each in top if each not in order)], start)
    last = next(layer for layer in backbone.operations if layer.output is backbone.output)
    sparse = last if isinstance(last, TfidfEmbedding) and head.linear else None
    joined = last if isinstance(last, JoinParts) else None
    if joined is not None:
        # In their order; it drops some in each step.
        cuts["head"] = tuple(joined.input)
    return Assembled(model, groups, cuts, last.name, sparse, joined)


def _levels(backbone: keras.Model, stages: Sequence[Stage]) -> tuple[Tensor | None, dict[str, list[keras.Operation]]]:
    """Means of all taps side by side, (B, channels), or None; and the layers that make them, by stage.

    Those of a stage are joined to those of all below it, so that one tensor carries them across each cut.
    """
    taps = find_taps(backbone)
    levels, layers = None, {}
    for stage in stages:
        made = {id(tensor) for operation in stage.layers for tensor in keras.tree.flatten(operation.output)}
        inside = [tensor for tensor in taps if id(tensor) in made]
        own = stage.name.replace("/", ".")
        # One pooling window over all of it: OpenVINO takes longer for global pooling.
        pools = [keras.layers.AveragePooling2D(each.shape[1:3], name=f"{own}_tap{n}") for n, each in enumerate(inside)]
        flats = [keras.layers.Flatten(name=f"{own}_mean{n}") for n in range(len(inside))]
        means = [flat(pool(tensor)) for flat, pool, tensor in zip(flats, pools, inside, strict=True)]
        parts = means if levels is None else [levels, *means]
        layers[stage.name] = [*pools, *flats]
        if len(parts) > 1:
            join = keras.layers.Concatenate(name=f"{own}_levels")
            layers[stage.name].append(join)
            parts = [join(parts)]
        levels = parts[0] if parts else None
    return levels, layers


def _head_cut(model: keras.Model, below: set[int]) -> tuple[Tensor, ...]:
    """The tensors that enter the first operation of the head that learns or draws at random: above its pooling."""
    operations = list(model.operations)
    for position, operation in enumerate(operations):
        if id(operation) not in below and (weights_of(operation) or hasattr(operation, "seed_generator")):
            return crossing(operations, position)
    raise ValueError("The head has no layer with weights, so there is nothing to train.")
