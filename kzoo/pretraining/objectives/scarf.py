"""SCARF: a row and its copy with some values of other rows go together, among all in the batch (arXiv:2106.15147)."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.simclr import SimCLR

SHARE = 0.6
"""Of the values of a row, that come from other rows."""


class Scarf(SimCLR):
    """The loss of SimCLR between a row and its corrupted copy. Values are drawn from the rows of the same batch."""

    name, paper = "scarf", "https://arxiv.org/abs/2106.15147"
    modalities: ClassVar[tuple[str, ...]] = ("row",)
    views, augmentation = 1, "none"

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Rows as they are and corrupted, in turn, (2B, F); a target that nobody looks at."""
        corrupted, _ = corrupt(examples, seed, share=SHARE)
        both = tf.reshape(tf.stack([examples, corrupted], axis=1), (-1, examples.shape[1]))
        return both, tf.zeros((tf.shape(both)[0], 1))


def corrupt(examples: Tensor, seed: Tensor, *, share: float) -> tuple[Tensor, Tensor]:
    """Rows of which some values come from other rows of the batch, (B, F); and which ones do, bool (B, F).

    Args:
        examples: rows, (B, F).
        seed: int32 (2,).
        share: of the values, that come from others, in [0, 1].
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    shape = tf.shape(examples)
    rows = tf.random.stateless_uniform(shape, seeds[0], 0, shape[0], dtype=tf.int32)
    columns = tf.broadcast_to(tf.range(shape[1])[None, :], shape)
    others = tf.gather_nd(examples, tf.stack([rows, columns], axis=-1))
    taken = tf.random.stateless_uniform(shape, seeds[1]) < share
    return tf.where(taken, others, examples), taken
