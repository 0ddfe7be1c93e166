"""What is explained: an output of an adapted model, as tensors of one graph."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.opening import open_nested
from kzoo.core.tensors import Tensor
from kzoo.data.seams import Preprocessor
from kzoo.specs.catalog.classical_heads import CLASSICAL_HEADS
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from kzoo.results.adapted import Adapted


@dataclass(frozen=True)
class Subject:
    """The network of an adapted model, and the output that is explained.

    Args:
        inputs: Keras tensor, as the preprocessor gives it.
        features: Keras tensor, the backbone's output.
        logits: Keras tensor (B, outputs).
        preprocessor: of one view of each example.
        labels: names of the outputs.
        finish: from logits to probabilities, or values.
        target: index of the output; None: the largest one of each example.
    """

    inputs: Tensor
    features: Tensor
    logits: Tensor
    preprocessor: Preprocessor
    labels: Sequence[str]
    finish: Callable[[Tensor], Tensor]
    target: int | None

    def choose(self, logits: Tensor) -> Tensor:
        """Indices of the outputs that are explained, int64 (B,), of logits (B, outputs)."""
        if self.target is None:
            return tf.argmax(logits, axis=1)
        return tf.fill((tf.shape(logits)[0],), tf.constant(self.target, tf.int64))

    def answers(self, logits: Tensor, chosen: Tensor) -> list[tuple[str, float]]:
        """The label of each chosen output, and its probability or value."""
        outputs = np.asarray(self.finish(logits), np.float32)
        places: list[int] = chosen.numpy().tolist()
        return [(self.labels[place], float(row[place])) for row, place in zip(outputs, places, strict=True)]


def subject_of(adapted: Adapted, label: str | None) -> Subject:
    """The subject of an explanation; see `kzoo.results.adapted.Adapted.explain`.

    Raises:
        ValueError: the model has no such label; or it has several values, and none is named; or its head has no
            gradients.
    """
    if not adapted.head.differentiable:
        title = CLASSICAL_HEADS[adapted.head.kind].title
        raise ValueError(
            f"What mattered is found by gradients, and {title} has none. Adapt with another head; "
            "neighbors(inputs) shows the training examples that are nearest."
        )
    network = adapted.network
    both = open_nested(keras.Model(network.input, [network.get_layer(adapted.features).output, network.output]))
    features, logits = both.outputs
    target = _find_target(adapted, label)
    return Subject(both.input, features, logits, adapted.preprocessor, list(adapted.labels), adapted.finish, target)


def _find_target(adapted: Adapted, label: str | None) -> int | None:
    names = list(adapted.labels)
    if label is None:
        if get_task_kind(adapted.kind).has_labels:
            return None
        if len(names) > 1:
            raise ValueError(f"Which of the values? Pass label= one of: {', '.join(names)}.")
        return 0
    if str(label) not in names:
        near = difflib.get_close_matches(str(label), names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"The labels are: {_shortened(names)}."
        raise ValueError(f"The model has no label {str(label)!r}. {hint}")
    return names.index(str(label))


def _shortened(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} others" if len(names) > most else "")
