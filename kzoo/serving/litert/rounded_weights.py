"""Convolutions in 8 bits whose outputs have the mean that they had, channel by channel."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kzoo.core.graph.folding import FoldedBatchNorm
from kzoo.core.graph.walking import layers_of
from kzoo.core.tensors import Tensor

MEASURED = 16
"""Examples by which means are measured: each gives one for all places of its maps."""


@contextlib.contextmanager
def rounded_weights(model: keras.Model, examples: np.ndarray) -> Iterator[None]:
    """Kernels of folded convolutions are rounded while this is open, and biases make up for it.

    A kernel has 255 levels in each output channel, as in LiteRT, whose converter finds it as it is. Rounding moves the
    mean of a channel, and layers add this up: the bias is changed until the channel's mean is that of the model, layer
    by layer, each on what the rounded ones before it give (bias correction, arXiv:1906.04721, section 4.2).

    Args:
        model: functional.
        examples: preprocessed (N, ...).
    """
    folded = [each for each in layers_of(model) if isinstance(each, FoldedBatchNorm)]
    layers = [each for each in folded if each.folded is not None and each.folded[0].ndim == 4]
    before = [(each.folded, each.apply) for each in layers]
    few = examples[:: max(1, len(examples) // MEASURED)]
    try:
        means: dict[int, np.ndarray] = {}
        for layer in layers:
            layer.apply = _measuring(layer, means)
        model(few, training=False)
        for layer, (folded, apply) in zip(layers, before, strict=True):
            layer.folded = folded and (_rounded(*folded), folded[1])
            layer.apply = _correcting(layer, apply, means[id(layer)])
        model(few, training=False)
        for layer, (_, apply) in zip(layers, before, strict=True):
            layer.apply = apply
        yield
    finally:
        for layer, (folded, apply) in zip(layers, before, strict=True):
            layer.folded, layer.apply = folded, apply


def _measuring(layer: FoldedBatchNorm, means: dict[int, np.ndarray]) -> Callable[[Tensor, Tensor], Tensor]:
    apply = layer.apply

    def measure(inputs: Tensor, kernel: Tensor) -> Tensor:
        outputs = apply(inputs, kernel)
        means[id(layer)] = _mean(outputs)
        return outputs

    return measure


def _correcting(
    layer: FoldedBatchNorm, apply: Callable[[Tensor, Tensor], Tensor], mean: np.ndarray
) -> Callable[[Tensor, Tensor], Tensor]:
    def correct(inputs: Tensor, kernel: Tensor) -> Tensor:
        outputs = apply(inputs, kernel)
        change = mean - _mean(outputs)
        # The call that this is a part of has read the old bias.
        layer.folded = layer.folded and (layer.folded[0], layer.folded[1] + change)
        return outputs + change

    return correct


def _mean(outputs: Tensor) -> np.ndarray:
    """Of each channel."""
    return np.asarray(keras.ops.mean(outputs, axis=(0, 1, 2)))


def _rounded(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A kernel (h, w, inputs, outputs), or (h, w, channels, multiplier) where each output has one input."""
    depthwise = kernel.shape[-2] * kernel.shape[-1] == len(bias)
    greatest = np.abs(kernel).max(axis=(0, 1) if depthwise else (0, 1, 2), keepdims=True)
    step = np.where(greatest == 0, 1, greatest / 127)
    return (np.round(kernel / step) * step).astype(np.float32)
