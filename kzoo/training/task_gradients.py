"""Gradients of several tasks in the layers that they share: how large they are, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.walking import weights_of
from kzoo.core.tensors import Tensor

ByTask = Callable[[Tensor, Tensor], list[Tensor]]
"""From targets and logits, (B, outputs) each, to the loss (B,) of each task."""


@dataclass(frozen=True)
class GradientsOfTasks:
    """What was measured in one group of layers.

    Args:
        norms: of each task's gradient of the summed loss, float64 (tasks,).
        cosines: between those of two tasks, float64 (tasks, tasks); NaN where a task has none.
        by_batch: the same in each batch, (batches, tasks, tasks).
    """

    norms: np.ndarray
    cosines: np.ndarray
    by_batch: np.ndarray


class TaskGradients:
    """Measures gradients of several tasks.

    Args:
        model: to logits (B, outputs).
        by_task: their losses.
        variables: of each group of layers, by name.
    """

    def __init__(self, model: keras.Model, by_task: ByTask, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
        self.variables = {name: list(own) for name, own in variables.items() if own}
        flat = [variable.value for own in self.variables.values() for variable in own]

        @tf.function(reduce_retracing=True)
        def gradients(inputs: Tensor, targets: Tensor, weights: Tensor) -> list[list[Tensor]]:
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                tape.watch(flat)
                losses = by_task(targets, model(inputs, training=False))
                sums = [tf.reduce_sum(weights * tf.cast(loss, tf.float32)) for loss in losses]
            zero = tf.UnconnectedGradients.ZERO
            found = [tape.gradient(each, flat, unconnected_gradients=zero) for each in sums]
            return [[tf.convert_to_tensor(each) for each in own] for own in found]

        self._gradients = gradients

    def measure(self, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> dict[str, GradientsOfTasks]:
        """By group, over batches of inputs, targets and weights.

        Raises:
            ValueError: there are none.
        """
        products: dict[str, list[np.ndarray]] = {name: [] for name in self.variables}
        total: list[list[Tensor]] = []
        for inputs, targets, weights in batches:
            found = self._gradients(inputs, targets, weights)
            for name, own in self._by_group(found).items():
                products[name].append(_products(own))
            if total:
                found = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(total, found, strict=True)]
            total = found
        if not total:
            raise ValueError("Gradients need a batch of examples. Got none.")
        measured = {}
        for name, own in self._by_group(total).items():
            whole = _products(own)
            by_batch = np.stack([_cosines(each) for each in products[name]])
            measured[name] = GradientsOfTasks(np.sqrt(np.diag(whole)), _cosines(whole), by_batch)
        return measured

    def _by_group(self, found: Sequence[Sequence[Tensor]]) -> dict[str, list[list[Tensor]]]:
        """The gradients of each task, by group of variables."""
        groups, start = {}, 0
        for name, own in self.variables.items():
            groups[name] = [list(task[start : start + len(own)]) for task in found]
            start += len(own)
        return groups


def _products(gradients: Sequence[Sequence[Tensor]]) -> np.ndarray:
    """Inner products of the gradients of each two tasks, float64 (tasks, tasks)."""
    size = len(gradients)
    products = np.zeros((size, size))
    for one in range(size):
        for other in range(one, size):
            pairs = zip(gradients[one], gradients[other], strict=True)
            found = sum(float(tf.reduce_sum(a * b)) for a, b in pairs)
            products[one, other] = products[other, one] = found
    return products


def _cosines(products: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.diag(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.outer(lengths, lengths) > 0, products / np.outer(lengths, lengths), np.nan)


def shared_variables(model: keras.Model) -> list[keras.Variable]:
    """What trains below the last layer of a model, which has the outputs of all tasks side by side."""
    own = {id(variable) for variable in weights_of(model.layers[-1])}
    return [variable for variable in model.trainable_variables if id(variable) not in own]
