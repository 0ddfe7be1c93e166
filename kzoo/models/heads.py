"""Heads: from a backbone's output to logits."""

from __future__ import annotations

from collections.abc import Callable

import keras

from kzoo.core.tensors import Shape, Tensor
from kzoo.models.classical_layers import CLASSICAL_LAYERS
from kzoo.specs.catalog.classical_heads import BEST, CLASSICAL_HEADS
from kzoo.specs.head import Head

Builder = Callable[[Tensor, int], Tensor]

HEADS: dict[str, Builder] = {}
"""Heads besides ``"mlp"``, by name. `register_head` adds one."""


def register_head(name: str, builder: Builder) -> None:
    """Makes ``Head(kind=name)`` build with `builder`.

    Args:
        name: a new name.
        builder: function of the backbone's output, a Keras tensor (B, h, w, C), (B, t, C) or (B, C), and of the
            number of outputs; returns logits (B, outputs). Made of Keras layers alone, it is saved and exported with
            the model.

    Raises:
        ValueError: the name is taken.
        TypeError: the builder cannot be called.

    Example:
        >>> def flat(features, outputs):
        ...     return keras.layers.Dense(outputs)(keras.layers.Flatten()(features))
        >>> register_head("flat", flat)
        >>> build_head(Head(kind="flat"), keras.Input((4, 4, 8)), outputs=3).shape
        (None, 3)
        >>> del HEADS["flat"]
    """
    if not callable(builder):
        raise TypeError(f"A head must be a function of features and the number of outputs. Got {builder!r}.")
    if name in HEADS or not Head(kind=name).registered:
        raise ValueError(f"A head named {name!r} is registered already. Choose another name.")
    HEADS[name] = builder


def build_head(head: Head, features: Tensor, *, outputs: int, levels: Tensor | None = None) -> Tensor:
    """Logits (B, outputs), float32, from the backbone's output (B, h, w, C), (B, t, C) or (B, C).

    With `levels`, (B, channels), the means of what is below the output, the head sees these as well.
    """
    if head.registered:
        if head.kind not in HEADS:
            known = ", ".join(["mlp", *CLASSICAL_HEADS, BEST, *HEADS])
            raise ValueError(f"Unknown head {head.kind!r}. The heads are: {known}. kzoo.register_head adds one.")
        return HEADS[head.kind](features, outputs)
    x = pool(features, head.pooling)
    if levels is not None:
        x = keras.layers.Concatenate(name="head_levels")([levels, x])
    x = Standardize(name="head_standard", dtype="float32")(x)
    if head.kind in CLASSICAL_LAYERS:
        x = CLASSICAL_LAYERS[head.kind](head, outputs)(x)
    if head.hidden:
        x = keras.layers.Dense(head.hidden, activation="relu", name="head_hidden")(x)
    if head.dropout and not head.classical:
        x = keras.layers.Dropout(head.dropout, name="head_dropout")(x)
    return keras.layers.Dense(outputs, dtype="float32", name="head_logits")(x)


@keras.saving.register_keras_serializable(package="kzoo")
class Standardize(keras.layers.Layer):
    """Features less their mean, divided by their deviation: as they are, until a probe has measured both.

    On features that are not centred, dropout is mostly noise, and all weights of a head pull one way.
    """

    def build(self, input_shape: Shape) -> None:
        """Makes mean 0 and deviation 1, which no gradient changes."""
        shape = (input_shape[-1],)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=shape, initializer="ones", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """(B, C) to (B, C)."""
        return (inputs - self.mean) / self.deviation


def pool(features: Tensor, pooling: str, *, name: str = "head") -> Tensor:
    """The embedding (B, C), or (B, 2C) with ``"concat"``, of a backbone's output."""
    rank = len(features.shape)
    if rank == 2:
        return features
    if rank not in (3, 4):
        raise ValueError(f"A backbone must return (B, h, w, C), (B, t, C) or (B, C). Got shape {features.shape}.")
    dimensions = "2D" if rank == 4 else "1D"
    parts = []
    if pooling in ("avg", "concat"):
        parts.append(getattr(keras.layers, f"GlobalAveragePooling{dimensions}")(name=f"{name}_avg")(features))
    if pooling in ("max", "concat"):
        parts.append(getattr(keras.layers, f"GlobalMaxPooling{dimensions}")(name=f"{name}_max")(features))
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=f"{name}_concat")(parts)
