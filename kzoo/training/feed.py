"""The feed: the data as the training loop takes it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.probes.part_probes import FeatureParts

PARALLEL = os.cpu_count() or 1
"""Examples that are read at once."""

SHOWN = 3
"""Examples of a step that a message names, at most."""


@dataclass(frozen=True)
class Split:
    """Examples that are read by their index, inside of tf.data.

    Args:
        load: from an index, the name of an augmentation and the numbers of some views (V,) to these views of the
            example, (V, ...).
        finish: from a batch of loaded examples (B, V, ...), its targets (B, outputs), the name of an augmentation, the
            ``numbers`` of the views and the ``turn`` of the batch to the model's input, (B * V, ...), and its targets.
        digests: the hash of the content of each example.
        targets: float32 (N, outputs).
        verify: from some indices; raises if `load` read other content than `digests` were made of. It is called
            after each pass, before anything that was computed is kept.
        taught: by name of the augmentation, the teacher's outputs for each view, float32 (N, V, values). They stand
            beside the targets.
        groups: the group of each example, or none.
        names: of each example in messages, or none.
    """

    load: Callable[[Tensor, str, Tensor], Tensor]
    finish: Callable[..., tuple[Tensor, Tensor]]
    digests: Sequence[str]
    targets: np.ndarray
    verify: Callable[[Iterable[int]], None] = lambda indices: None
    taught: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: Sequence[str] = ()
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def beside(self, targets: Tensor, indices: Tensor, augmentation: str, turn: Tensor) -> Tensor:
        """Targets (B, outputs) of some examples and, beside them, what a teacher says of a version of each."""
        if augmentation not in self.taught:
            return targets
        with tf.init_scope():
            taught = tf.constant(self.taught[augmentation])
        places = tf.stack([indices, tf.fill(tf.shape(indices), tf.cast(turn, indices.dtype))], axis=1)
        return tf.concat([targets, tf.gather_nd(taught, places)], axis=1)


@contextlib.contextmanager
def verified(split: Split, indices: Iterable[int]) -> Iterator[None]:
    """While examples of a split are read; also what TensorFlow raises of a file that is gone is told by `verify`."""
    try:
        yield
    except tf.errors.OpError:
        split.verify(indices)
        raise
    split.verify(indices)


@dataclass(frozen=True)
class Feed:
    """The training and validation data of the loop.

    Args:
        train: the training split.
        validation: the validation split.
        key: from the name of an augmentation to all that a view follows from, besides the example's content and the
            view's number.
        mixes: from the name of an augmentation to whether it mixes the examples of a batch.
        class_weights: float32 (outputs,), or None for equal ones.
        kind: of the task.
        seed: of the run.
        loss: of targets, beside which a teacher's outputs may stand, and logits; None: the loss of the task's kind.
        parts: of examples of several inputs, what the features that enter a head are, for a probe; else None.
        monitor: from targets and logits to the number that selects, the higher the better; None: the rule of
            `kzoo.training.selection`.
        kept: how many of the first outputs a probe leaves as they are.
        draws: how often an epoch has each training example, on average, float64 (N,), of mean 1; None: each once.
    """

    train: Split
    validation: Split
    key: Callable[[str], Mapping[str, object]]
    mixes: Callable[[str], bool]
    class_weights: np.ndarray | None
    kind: TaskKind
    seed: int
    loss: keras.losses.Loss | None = None
    monitor: Callable[[np.ndarray, np.ndarray], float] | None = None
    parts: FeatureParts | None = None
    kept: int = 0
    draws: np.ndarray | None = None

    def weights(self, targets: Tensor) -> Tensor:
        """Weight of each example, float32 (B,), of its targets (B, outputs)."""
        if self.class_weights is None:
            return tf.ones(tf.shape(targets)[0])
        return tf.linalg.matvec(targets, self.class_weights)

    def order(self, epoch: Tensor) -> Tensor:
        """The order of the training examples in an epoch, int64 (N,)."""
        order = ordered(len(self.train), self.seed, epoch)
        return order if self.draws is None else drawn(order, self.draws, self.seed, epoch)

    def examples_of_step(self, epoch: int, step: int, *, batch: int) -> str:
        """The names of a step's examples, at most `SHOWN`, in parentheses after a space; "" where they have none."""
        if not len(self.train.names):
            return ""
        chosen = self.order(tf.constant(epoch))[step * batch : (step + 1) * batch].numpy()
        names = [self.train.names[int(place)] for place in chosen[:SHOWN]]
        return f" ({', '.join(names)}{', ...' if len(chosen) > SHOWN else ''})"


def ordered(size: int, seed: int, epoch: Tensor) -> Tensor:
    """The order of `size` examples in an epoch, int64 (size,), that follows from the seed of the run."""
    pair = tf.stack([seed, tf.cast(epoch, tf.int32)])
    return tf.random.experimental.stateless_shuffle(tf.range(size, dtype=tf.int64), seed=pair)


def skipped_steps(epoch: Tensor, first: int, skipped: int) -> Tensor:
    """How many steps of an epoch are left out, int64 (): of the first one of a run that goes on, some.

    Args:
        epoch: its number.
        first: of the epoch from which the run goes on.
        skipped: steps of that epoch which are done.
    """
    return tf.where(epoch == first, np.int64(skipped), np.int64(0))


def drawn(order: Tensor, draws: np.ndarray, seed: int, epoch: Tensor) -> Tensor:
    """As many examples as there are, each as often as it is drawn, in a random order, int64 (N,).

    One that is drawn 2.3 times on average is there twice or three times (systematic sampling).

    Args:
        order: all examples in a random order, int64 (N,).
        draws: of each, float64 (N,), of mean 1.
        seed: of the run.
        epoch: number of the epoch.
    """
    size = len(draws)
    pair = tf.stack([seed + 1, tf.cast(epoch, tf.int32)])
    start = tf.random.stateless_uniform((), seed=pair, dtype=tf.float64)
    ends = tf.floor(tf.cumsum(tf.gather(tf.constant(draws, tf.float64), order)) + start)
    # Rounding must not cost the last one.
    ends = tf.concat([ends[:-1], [tf.floor(size + start)]], axis=0)
    times = ends - tf.concat([[tf.floor(start)], ends[:-1]], axis=0)
    found = tf.repeat(order, tf.cast(times, tf.int64))
    return tf.reshape(tf.random.experimental.stateless_shuffle(found, seed=pair), (size,))


def read(split: Split, indices: Tensor, augmentation: str, numbers: Sequence[int], *, batch: int) -> tf.data.Dataset:
    """Batches of what the model takes and of targets, (B * V, ...): all versions of an example, then of the next.

    Args:
        split: the examples.
        indices: which of them, in that order, int64 (M,).
        augmentation: name.
        numbers: of the views.
        batch: examples a batch.
    """
    targets = tf.constant(split.targets)

    def load(index: Tensor) -> tuple[Tensor, Tensor]:
        return split.load(index, augmentation, list(numbers)), tf.gather(targets, index)

    def finish(turn: Tensor, batched: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        versions, wanted = batched
        return split.finish(versions, wanted, augmentation, numbers=list(numbers), turn=turn)

    dataset = tf.data.Dataset.from_tensor_slices(indices).map(load, num_parallel_calls=PARALLEL).batch(batch)
    return untuned(dataset.enumerate().map(finish, num_parallel_calls=PARALLEL).prefetch(2))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without tf.data's own tuning: whoever ends an iteration waits until its thread wakes up.

    It sleeps for 10 ms, then for twice as long each time (TensorFlow 2.21).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
