"""Masked patches: what was in the hidden parts of an image, or of a spectrogram (SimMIM, arXiv:2111.09886)."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective, centred, frame, paint

SHARE = 0.6
"""Of the patches, that are hidden."""

PATCHES = 8
"""Patches along the longer side, at most; a patch has 4 pixels a side or more."""


class Masked(Objective):
    """The mean absolute difference within the hidden patches."""

    name, paper = "masked", "https://arxiv.org/abs/2111.09886"
    modalities = ("image", "audio")

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Examples whose hidden patches are grey; what they were, in [-1, 1], beside it what is hidden."""
        rank = len(examples.shape)
        hidden = hide(tf.shape(examples)[0], examples.shape[1], examples.shape[2], seed)
        grey = 127.5 if rank == 4 else 0.5
        seen = tf.where(hidden if rank == 4 else hidden[..., 0], grey, tf.cast(examples, tf.float32))
        return seen, tf.concat([centred(examples, rank), tf.cast(hidden, tf.float32)], axis=-1)

    def network(self, body: BackboneGraph) -> keras.Model:
        """An image in [-1, 1]."""
        return keras.Model(body.inputs, paint(body.features, frame(body.inputs), name="painted"))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(B,), each the mean over its own hidden patches."""
        ops = keras.ops
        image, hidden = wanted[..., :-1], wanted[..., -1:]
        total = ops.sum(hidden * ops.abs(image - found), axis=(1, 2, 3))
        return total / ops.maximum(ops.sum(hidden, axis=(1, 2, 3)) * found.shape[-1], 1.0)


def hide(count: Tensor, height: int, width: int, seed: Tensor) -> Tensor:
    """Which pixels are hidden, bool (count, height, width, 1): as many patches in each example."""
    side = max(-(-max(height, width) // PATCHES), 4)
    rows, columns = -(-height // side), -(-width // side)
    drawn = tf.random.stateless_uniform((count, rows * columns), seed)
    order = tf.argsort(tf.argsort(drawn, axis=1), axis=1)
    patches = tf.reshape(order < max(round(SHARE * rows * columns), 1), (count, rows, columns, 1))
    pixels = tf.repeat(tf.repeat(patches, side, axis=1), side, axis=2)[:, :height, :width]
    return tf.ensure_shape(pixels, (None, height, width, 1))
