"""Activations at the cut of a phase: computed once for each view, kept while nothing below them has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from kzoo.specs.schedule import Phase
from kzoo.training.trunk import Arrays, Cut, budget, cut, pack, run


@dataclass(frozen=True)
class Feed:
    """The data as the loop needs it.

    Args:
        view: from augmentation and number of the view to batches of pictures and targets, all training examples once.
        validation: batches of pictures.
        train_size: number of training examples.
        validation_targets: float32 (N, outputs).
        class_weights: float32 (outputs,), or None for equal ones.
        kind: kind of the task.
        seed: of the run.
    """

    view: Callable[[str, int], tf.data.Dataset]
    validation: tf.data.Dataset
    train_size: int
    validation_targets: np.ndarray
    class_weights: np.ndarray | None
    kind: str
    seed: int

    def weights(self, targets: Any) -> Any:
        """Weight of each example, float32 (B,), of its targets (B, outputs)."""
        if self.class_weights is None:
            return tf.ones(tf.shape(targets)[0])
        return tf.linalg.matvec(targets, self.class_weights)


@dataclass
class Activations:
    """A model's activations at the cuts below its groups.

    Args:
        model: from scaled pictures to logits.
        cuts: the tensors that enter each group, from input to head.
        feed: the data.
    """

    model: keras.Model
    cuts: Mapping[str, Sequence[Any]]
    feed: Feed
    _parts: dict[str, Cut] = field(default_factory=dict)
    _views: dict[tuple[str, str, int], tuple[tuple[tf.Tensor, ...], tf.Tensor]] = field(default_factory=dict)
    _held: dict[str, Arrays] = field(default_factory=dict)

    def part(self, group: str) -> Cut:
        """The model, cut below `group`."""
        if group not in self._parts:
            self._parts[group] = cut(self.model, self.cuts[group])
        return self._parts[group]

    def view(self, group: str, *, augmentation: str, number: int, bar: tqdm) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """Activations below `group` of one view of the training examples, and its targets, in main memory."""
        key = (group, augmentation, number)
        if key not in self._views:
            bar.set_postfix_str(f"view {number + 1}")
            dataset = self.feed.view(augmentation, number)
            arrays, targets = run(self.part(group).below, dataset, total=self.feed.train_size, bar=bar)
            with tf.device("CPU:0"):
                self._views[key] = (tuple(map(tf.constant, arrays)), tf.constant(targets))
        return self._views[key]

    def validation(self, group: str, *, bar: tqdm) -> Arrays:
        """Activations below `group` of the validation examples."""
        if group not in self._held:
            bar.set_postfix_str("validation")
            total = len(self.feed.validation_targets)
            self._held[group], _ = run(self.part(group).below, self.feed.validation, total=total, bar=bar)
        return self._held[group]

    def pending(self, phase: Phase, group: str) -> int:
        """How many pictures have to go through the trunk before a phase can begin, as things stand."""
        held = 0 if group in self._held else len(self.feed.validation_targets)
        if self._too_large(phase, group):
            return held
        missing = [n for n in range(views_of(phase)) if (group, phase.augmentation, n) not in self._views]
        return held + self.feed.train_size * len(missing)

    def dataset(self, phase: Phase, group: str, *, batch: int, bar: tqdm) -> tf.data.Dataset:
        """Batches of activations, targets and weights, without end: a view an epoch, in a new order each time."""
        if self._too_large(phase, group):
            return self._stream(phase, group, batch)
        views = views_of(phase)
        cached = [self.view(group, augmentation=phase.augmentation, number=n, bar=bar) for n in range(views)]
        held = [(arrays, targets, self.feed.weights(targets)) for arrays, targets in cached]
        size, seed = self.feed.train_size, self.feed.seed

        def epoch(number: Any) -> tf.data.Dataset:
            seeds = tf.stack([seed, tf.cast(number, tf.int32)])
            order = tf.random.experimental.stateless_shuffle(tf.range(size), seed=seeds)
            turn = tf.cast(number % views, tf.int32)

            def pick(index: Any) -> Any:
                return tf.switch_case(turn, [lambda parts=parts: _gather(parts, index) for parts in held])

            return tf.data.Dataset.from_tensor_slices(order).batch(batch, drop_remainder=True).map(pick)

        return tf.data.Dataset.range(1 << 40).flat_map(epoch).prefetch(2)

    def forget_above(self, group: str) -> None:
        """Drops what was computed at cuts above `group`, which has just changed."""
        names = list(self.cuts)
        above = set(names[names.index(group) + 1 :])
        self._views = {key: value for key, value in self._views.items() if key[0] not in above}
        self._held = {key: value for key, value in self._held.items() if key not in above}

    def keep(self, phases: Sequence[Phase]) -> None:
        """Drops the views that none of the coming phases uses."""
        names = list(self.cuts)
        wanted = {
            (phase.groups(names)[0], "none" if phase.optimizer == "lbfgs" else phase.augmentation) for phase in phases
        }
        self._views = {key: value for key, value in self._views.items() if key[:2] in wanted}

    def _too_large(self, phase: Phase, group: str) -> bool:
        """Whether the activations of a phase's views, and of validation, are beyond the memory budget."""
        examples = self.feed.train_size * views_of(phase) + len(self.feed.validation_targets)
        return self.part(group).bytes_an_example() * examples > budget()

    def _stream(self, phase: Phase, group: str, batch: int) -> tf.data.Dataset:
        """The plain loop, for activations beyond the budget: everything is computed anew each epoch."""
        below = self.part(group).below
        dataset = self.feed.view(phase.augmentation, 0)
        for number in range(1, views_of(phase)):
            dataset = dataset.concatenate(self.feed.view(phase.augmentation, number))

        def forward(pictures: Any, targets: Any) -> Any:
            return _bare(tuple(below(pictures))), targets, self.feed.weights(targets)

        dataset = dataset.unbatch().shuffle(8 * batch, seed=self.feed.seed, reshuffle_each_iteration=True)
        return dataset.repeat().batch(batch, drop_remainder=True).map(forward).prefetch(2)


def views_of(phase: Phase) -> int:
    """How many views of each example a phase goes through."""
    return 1 if phase.augmentation == "none" else min(phase.views, phase.epochs)


def _gather(parts: Any, index: Any) -> Any:
    arrays, targets, weights = tf.nest.map_structure(lambda tensor: tf.gather(tensor, index), parts)
    return _bare(arrays), targets, weights


def _bare(arrays: tuple[Any, ...]) -> Any:
    """A tuple, as tf.data wants it, where there are several."""
    return pack(arrays) if len(arrays) == 1 else arrays
