"""Layers that fuse the embeddings of several backbones into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from kzoo.core.graph.keras_internals import inputs_of, operation_of
from kzoo.core.graph.walking import weights_of
from kzoo.core.tensors import Shape, Tensor
from kzoo.models.packed_layers import JoinParts, PackedInput
from kzoo.models.stages import Stage, crossing, cut_into_stages

WIDTH, HEADS = 256, 4
"""Of the projections of a gated or an attending fusion."""

ABSENT = -1e4
"""Added to the score of a member without its input: its gate is 0, in half precision too."""

SPLIT = "fusion_split"
"""Beginning of the names of layers that take joined features apart."""


def fuse(embeddings: Sequence[Tensor], how: str, *, there: Tensor | None = None) -> Tensor:
    """One embedding (B, C) of several (B, C_i), Keras tensors; see `kzoo.specs.fusion.Fusion`.

    Args:
        embeddings: of the members.
        how: they are fused.
        there: (B, members): 1 where a member has its input, else 0; None: all have theirs. What has none gets no gate
            and no attention, and is no part of a mean.
    """
    layers = keras.layers
    if how == "concat":
        return layers.Concatenate(name="fusion_concat")(embeddings)
    normal = [layers.LayerNormalization(name=f"fusion_norm{n}")(x) for n, x in enumerate(embeddings)]
    projected = [layers.Dense(WIDTH, activation="tanh", name=f"fusion_project{n}")(x) for n, x in enumerate(normal)]
    rows = [layers.Reshape((1, WIDTH), name=f"fusion_row{n}")(x) for n, x in enumerate(projected)]
    stack = layers.Concatenate(axis=1, name="fusion_stack")(rows)
    if how == "attention":
        attend = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name="fusion_attention")
        if there is None:
            both = layers.Add(name="fusion_add")([stack, attend(stack, stack)])
            return layers.GlobalAveragePooling1D(name="fusion_mean")(both)
        seen = layers.Reshape((1, len(embeddings)), name="fusion_seen")(there)
        both = layers.Add(name="fusion_add")([stack, attend(stack, stack, attention_mask=seen)])
        shares = ShareOfPresent(name="fusion_shares")(there)
        return layers.Dot(axes=1, name="fusion_mean")([shares, both])
    together = layers.Concatenate(name="fusion_all")(normal)
    if there is None:
        gates = layers.Dense(len(embeddings), activation="softmax", name="fusion_gates")(together)
    else:
        scores = layers.Dense(len(embeddings), name="fusion_gates")(together)
        gates = GatesOfPresent(name="fusion_present_gates")([scores, there])
    return layers.Dot(axes=1, name="fusion_sum")([gates, stack])


@keras.saving.register_keras_serializable(package="kzoo")
class GatesOfPresent(keras.layers.Layer):
    """Gates (B, members) that sum to 1, of scores (B, members): 0 for a member without its input."""

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Of scores, and of 1 and 0, (B, members) each."""
        scores, there = inputs
        return keras.ops.softmax(scores + ABSENT * (1.0 - keras.ops.cast(there, scores.dtype)))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, members)."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package="kzoo")
class ShareOfPresent(keras.layers.Layer):
    """Shares (B, members) of a mean over the members that have their input, of 1 and 0 for each."""

    def call(self, inputs: Tensor) -> Tensor:
        """(B, members) to (B, members)."""
        return inputs / keras.ops.maximum(keras.ops.sum(inputs, axis=1, keepdims=True), 1.0)


def fuse_parts(embeddings: Sequence[Tensor], marks: Sequence[Tensor], owners: Sequence[int], how: str) -> Tensor:
    """One embedding (B, C) of those of several parts, of which some may be missing.

    Args:
        embeddings: (B, C_i) each, 0 where its part is missing.
        marks: (B, 1) of each part: 1 where it is there.
        owners: for each embedding, the number of its part.
        how: see `kzoo.specs.fusion.Fusion`.
    """
    joined = JoinParts(owners=owners, parts=len(marks), name="fusion_parts")([*embeddings, *marks])
    if how == "concat":
        return joined
    widths = [each.shape[-1] for each in embeddings]
    starts = [sum(widths[:place]) for place in range(len(widths))]
    split = [
        PackedInput(start=start, shape=(width,), name=f"{SPLIT}{place}")(joined)
        for place, (start, width) in enumerate(zip(starts, widths, strict=True))
    ]
    # Marks follow the features; after dropout they say what is left.
    present = [
        PackedInput(start=sum(widths) + owner, shape=(1,), name=f"{SPLIT}_mark{place}")(joined)
        for place, owner in enumerate(owners)
    ]
    return fuse(split, how, there=keras.layers.Concatenate(name="fusion_there")(present))


def cut_fusion(backbone: keras.Model, members: Mapping[str, keras.Model]) -> tuple[Stage, ...]:
    """The stages of all members, each under its member's name, the highest ones last; and what fuses them.

    Args:
        backbone: the members' layers, named ``MEMBER.LAYER``, what scales and pools for them likewise, and the rest.
        members: by name.
    """
    parts: list[tuple[int, str, list[keras.Operation]]] = []
    # What every cut can see: the input, the input of each member, and which parts are there.
    inputs = [each for each in backbone.operations if _is_input(each)]
    others = [each for each in backbone.operations if each not in inputs]
    for name, member in members.items():
        stages = cut_into_stages(member)
        own = [operation for operation in others if operation.name.startswith(f"{name}.")]
        places = {f"{name}.{layer.name}": place for place, stage in enumerate(stages) for layer in stage.layers}
        inside: list[list[keras.Operation]] = [[] for _ in stages]
        for operation in own:
            # What scales an image is of the lowest stage, what pools a map of the stage that makes it.
            below = [operation_of(each).name for each in inputs_of(keras.tree.flatten(operation.output)[0])]
            place = places.setdefault(
                operation.name, max((places[each] for each in below if each in places), default=0)
            )
            inside[place].append(operation)
        others = [operation for operation in others if operation not in own]
        parts += [
            (place - len(stages), f"{name}/{stage.name}", layers)
            for place, (stage, layers) in enumerate(zip(stages, inside, strict=True))
        ]
    parts.sort(key=lambda part: part[0])
    # What joins several inputs is of the head: it drops some of them in each step, also where nothing below it trains.
    joins = [each for each in others if isinstance(each, JoinParts) and each is others[-1]]
    rest = [each for each in others if each not in joins]
    named = [(name, layers) for _, name, layers in parts]
    named[0] = (named[0][0], [*inputs, *named[0][1]])
    if any(weights_of(operation) for operation in rest):
        named.append(("fusion", rest))
    else:
        named[-1] = (named[-1][0], [*named[-1][1], *rest])
    order = [*(operation for _, layers in named for operation in layers), *joins]
    found, start = [], 0
    for name, layers in named:
        found.append(Stage(name, tuple(layers), crossing(order, start) or tuple(backbone.inputs)))
        start += len(layers)
    return tuple(found)


def _is_input(operation: keras.Operation) -> bool:
    own = isinstance(operation, PackedInput) and not operation.name.startswith(SPLIT)
    return own or isinstance(operation, keras.layers.InputLayer)
