"""Grad-CAM (arXiv:1610.02391): how much each place of a backbone's last feature map speaks for an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.results.explanation.feature_maps import FeatureMap, as_grid, find_feature_maps
from kzoo.results.explanation.subject import Subject

GRAD_CAM, GRADIENT_TIMES_INPUT = "Grad-CAM", "gradient x input"


@dataclass(frozen=True)
class Located:
    """Where a batch of examples speaks for an output.

    Args:
        grids: by name of the feature map, float32 (B, h, w) in [0, 1]: the largest of each example is 1, or all are 0.
        answers: label of each example, and its probability or value.
        method: `GRAD_CAM`, or `GRADIENT_TIMES_INPUT` for a network without a feature map.
    """

    grids: Mapping[str, np.ndarray]
    answers: Sequence[tuple[str, float]]
    method: str


def make_locator(subject: Subject) -> Callable[[np.ndarray], Located]:
    """From examples as the network takes them, float32 (B, H, W, C) or (B, steps, values), to where they speak for it.

    The mean of the gradients of the logit over all places weighs the channels of a map; what is below 0 speaks against
    the output and is cut. Without a feature map it is the size of gradient times input (arXiv:1312.6034).
    """
    maps = find_feature_maps(subject.inputs, subject.features)
    network = keras.Model(subject.inputs, [*(tensor for each in maps for tensor in each.tensors), subject.logits])
    sequence = len(subject.inputs.shape) == 3

    def locate(examples: np.ndarray) -> Located:
        x = tf.constant(examples)
        with tf.GradientTape() as tape:
            # Layers may be frozen: without this, nothing of them is recorded.
            tape.watch(x)
            *values, logits = keras.tree.flatten(network(x, training=False))
            chosen = subject.choose(logits)
            scores = tf.gather(logits, chosen, batch_dims=1)
        none = tf.UnconnectedGradients.ZERO
        found: Tensor = tape.gradient(scores, [*values, x], unconnected_gradients=none)
        *gradients, slopes = found
        answers = subject.answers(logits, chosen)
        if not maps:
            sizes = tf.abs(x * slopes)
            grid = tf.reduce_sum(sizes, axis=-1) if len(sizes.shape) == 4 else sizes
            return Located({"input": normalize(grid.numpy())}, answers, GRADIENT_TIMES_INPUT)
        pairs = [
            (as_grid(value, sequence=sequence), as_grid(gradient, sequence=sequence))
            for value, gradient in zip(values, gradients, strict=True)
        ]
        return Located(_maps_of(maps, pairs), answers, GRAD_CAM)

    return locate


def _maps_of(maps: Sequence[FeatureMap], pairs: Sequence[tuple[Tensor, Tensor]]) -> dict[str, np.ndarray]:
    """Each map by its first tensor whose gradient is not 0; `pairs` are values and gradients of all tensors."""
    found, start = {}, 0
    for each in maps:
        mine = pairs[start : start + len(each.tensors)]
        start += len(each.tensors)
        felt = (pair for pair in mine if bool(tf.reduce_any(pair[1] != 0)))
        found[each.name] = normalize(class_activation(*next(felt, mine[0])))
    return found


def class_activation(values: Tensor, gradients: Tensor) -> np.ndarray:
    """The sum of the channels of a map, each times the mean of its gradients, where above 0: float32 (B, h, w).

    Args:
        values: of the feature map, (B, h, w, C).
        gradients: of the logits with respect to them, (B, h, w, C).
    """
    values, gradients = tf.cast(values, tf.float32), tf.cast(gradients, tf.float32)
    return tf.nn.relu(tf.einsum("bhwc,bc->bhw", values, tf.reduce_mean(gradients, axis=(1, 2)))).numpy()


def normalize(grids: np.ndarray) -> np.ndarray:
    """Maps (B, h, w), each divided by its largest value; one of zeros stays as it is."""
    largest = grids.max(axis=(1, 2), keepdims=True)
    return np.divide(grids, largest, out=np.zeros_like(grids), where=largest > 0)


def mean_grid(grids: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """The mean of maps (h, w) of several members, each brought to one size by bilinear interpolation, float32."""
    sized = [tf.image.resize(np.asarray(grid)[..., None], (height, width))[..., 0].numpy() for grid in grids]
    return np.asarray(np.mean(sized, axis=0), np.float32)
