"""How long and how fast a run of steps is, and the batches of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import keras
import tensorflow as tf

from kzoo.core.disk.checkpoints import PlainValues
from kzoo.core.tensors import Config, Tensor
from kzoo.training.feed import PARALLEL, Split, ordered, skipped_steps, untuned

WARMUP = 0.1
"""Share of the steps in which the rate rises."""

WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class StepSchedule:
    """How long and how fast.

    Args:
        steps: in all.
        every: steps after which the weights are evaluated and a checkpoint is written.
        batch_size: examples a step, over all replicas.
        learning_rate: its peak, after `WARMUP`, before a cosine to 0 (arXiv:1608.03983).
        ema: momentum of the moving average of weights, which is what is kept, see `kzoo.pretraining.ema`; 0: the
            last ones.
        seed: of order and views.
        share: of the rate that its optimizers take, in (0, 1].
    """

    steps: int
    every: int
    batch_size: int
    learning_rate: float
    ema: float
    seed: int
    share: tf.Variable = field(
        default_factory=lambda: tf.Variable(tf.ones(()), trainable=False), compare=False, repr=False
    )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """AdamW (arXiv:1711.05101)."""
        rise = max(round(WARMUP * self.steps), 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(self.steps - rise, 1), warmup_target=self.learning_rate, warmup_steps=rise
        )
        return keras.optimizers.AdamW(_Shared(rate, self.share), weight_decay=WEIGHT_DECAY)

    def as_plain(self) -> PlainValues:
        """How long and how fast, as plain values."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}


class _Shared(keras.optimizers.schedules.LearningRateSchedule):
    """A share of the rate of another schedule."""

    def __init__(self, rate: keras.optimizers.schedules.LearningRateSchedule, share: tf.Variable) -> None:
        super().__init__()
        self.rate, self.share = rate, share

    def __call__(self, step: Tensor) -> Tensor:
        return self.share * self.rate(step)

    def get_config(self) -> Config:
        return {"rate": self.rate, "share": float(self.share.numpy())}


def questions(
    split: Split,
    ask: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    *,
    course: StepSchedule,
    views: int,
    augmentation: str,
    start: int,
) -> tf.data.Dataset:
    """What a network takes and what is wanted of it, from step `start` on, without end.

    The batch of a step follows from its number, so a resumed run sees the batches that it would have seen.

    Args:
        split: the examples.
        ask: from examples (B * views, ...), targets (B, outputs) and a seed to inputs and targets of the network.
        course: gives batch size and seed.
        views: of each example.
        augmentation: name of the augmentation that makes them.
        start: number of the first step.
    """
    size, batch = len(split), course.batch_size
    each = size // batch
    targets = tf.constant(split.targets)

    def epoch(number: Tensor) -> tf.data.Dataset:
        numbers = tf.cast(number, tf.int32) * views + tf.range(views)

        def load(index: Tensor) -> tuple[Tensor, Tensor]:
            return split.load(index, augmentation, numbers), tf.gather(targets, index)

        def pose(turn: Tensor, loaded: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            examples, wanted = loaded
            examples = tf.reshape(examples, (-1, *examples.shape[2:]))
            seed = tf.stack([course.seed, tf.cast(number * each + turn, tf.int32)])
            return ask(examples, wanted, seed)

        first = skipped_steps(number, start // each, start % each)
        indices = tf.data.Dataset.from_tensor_slices(ordered(size, course.seed, number)[: each * batch])
        loaded = indices.skip(first * batch).map(load, num_parallel_calls=PARALLEL).batch(batch, drop_remainder=True)
        return loaded.enumerate(first).map(pose, num_parallel_calls=PARALLEL)

    return untuned(tf.data.Dataset.range(start // each, 1 << 40).flat_map(epoch).prefetch(4))
