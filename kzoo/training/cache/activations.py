"""The activations of the trunk, computed once for each example and view."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.cutting import Cut, cut, numbers_at
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Tensor
from kzoo.specs.phases import AnyPhase
from kzoo.training.cache import disk
from kzoo.training.cache.branches import BranchJoin, find_strands
from kzoo.training.cache.budget import CacheLimits, CachePlan, CacheRequest, memory_budget, plan_cache, requests
from kzoo.training.cache.compute import BATCH, Passes
from kzoo.training.cache.rows import BranchRows, Rows, RowSource
from kzoo.training.feed import PARALLEL, Feed, read, skipped_steps, untuned
from kzoo.training.runtime import ImpreciseError, has_bfloat16

LOG = logging.getLogger("kzoo")


def find_limits() -> CacheLimits:
    """The room for activations on this machine now: half of the free memory, and the free room of the disk cache."""
    return CacheLimits(memory=memory_budget(), disk=disk.room(), bfloat16=has_bfloat16())


@dataclass
class Activations:
    """The cached activations of a model, at the cut below each of its groups.

    Args:
        model: from scaled images to logits.
        cuts: the tensors that enter each group, from the input to the head.
        feed: the data.
        fold: returns a model with the same outputs and fewer operations.
        limits: the memory and disk space that may be used.
        exact: compute everything in the precision of the model, never in bfloat16.
    """

    model: keras.Model
    cuts: Mapping[str, Sequence[Tensor]]
    feed: Feed
    fold: Callable[..., keras.Model]
    limits: CacheLimits = field(default_factory=find_limits)
    exact: bool = False
    _strands: dict[str, dict[str, Sequence[Tensor]]] = field(init=False)
    _joins: dict[str, BranchJoin] = field(init=False)
    _parts: dict[str, Cut] = field(default_factory=dict)
    _rows: dict[tuple[str, str], Rows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.exact:
            self.limits = replace(self.limits, bfloat16=False)
        self._strands, self._joins = {}, {}
        for group, tensors in self.cuts.items():
            found = find_strands(tensors)
            names = [f"{group}, {n} of {len(found)}" for n in range(1, len(found) + 1)] if len(found) > 1 else [group]
            self._strands[group] = dict(zip(names, found, strict=True))
            if len(found) > 1:
                self._joins[group] = BranchJoin(found, tensors)
        self._passes = self._new_passes()

    def part(self, phase: AnyPhase) -> Cut:
        """The model, cut below the layers that a phase trains. Without cached activations, the cut is at the input."""
        group = self._lowest(phase) if self.cache_plan(phase).place != "nowhere" else ""
        if group not in self._parts:
            self._parts[group] = cut(self.model, self.cuts[group] if group else [self.model.input])
        return self._parts[group]

    def cache_plan(self, phase: AnyPhase) -> CachePlan:
        """Where and how the activations of a phase are cached."""
        size = numbers_at(self.cuts[self._lowest(phase)], self.model)
        return plan_cache(
            phase, size=size, train=len(self.feed.train), validation=len(self.feed.validation), limits=self.limits
        )

    @property
    def runtimes(self) -> list[str]:
        """Names of the runtimes used by the last `fill`; empty if everything was cached already."""
        return self._passes.runtimes

    def fill(self, phases: Sequence[AnyPhase], *, bar: ProgressBar) -> None:
        """Computes what the first of `phases` needs and, in the same passes, what later phases need of the same trunk.

        Args:
            phases: the phases still to be trained. Weights may have changed since the last call.
            bar: progress, in examples.
        """
        self._passes = self._new_passes()
        for attempt in range(4):
            try:
                self._fill(phases, bar)
                break
            except OverflowError:
                self.limits = replace(self.limits, half=False)
            except ImpreciseError as error:
                LOG.info("bfloat16 is not used for %s: %s", self.model.name, error)
                self.limits = replace(self.limits, bfloat16=False)
            except OSError as error:
                if attempt == 3 or not self.limits.disk:
                    raise
                told = "The activation cache %s cannot be written (%s): training continues without it."
                LOG.warning(told, disk.folder(), error)
                self.limits = replace(self.limits, disk=0)
        wanted = {self._passes.key(request) for phase in phases for request in self._requests(phase)}
        for key in self._rows.keys() - wanted:
            del self._rows[key]

    def train_rows(self, phase: AnyPhase) -> list[RowSource]:
        """The activations of each view of the training split. Call `fill` first."""
        return self._joined(phase, "train")

    def validation_batches(self, phase: AnyPhase) -> Iterator[tuple[np.ndarray, ...]]:
        """Activations of the validation split at the cut of a phase, in batches and in order."""
        size = len(self.feed.validation)
        if not size:
            return
        for rows in self._joined(phase, "validation"):
            yield from (rows.take(start, start + BATCH) for start in range(0, size, BATCH))
            return
        for inputs, _ in self._validation_images:
            yield (inputs,)

    @cached_property
    def _validation_images(self) -> tf.data.Dataset:
        """Traced once, and not in each epoch: that takes longer than to read a small split."""
        return read(self.feed.validation, np.arange(len(self.feed.validation)), "none", [0], batch=BATCH)

    def dataset(self, phase: AnyPhase, *, batch: int, first: int = 0, skipped: int = 0) -> tf.data.Dataset:
        """Endless batches of activations, targets and weights: one view per epoch, in a new order each epoch.

        Args:
            phase: the phase.
            batch: examples a step.
            first: the epoch that they begin with.
            skipped: batches of that epoch which are left out.
        """
        cache_plan = self.cache_plan(phase)
        if cache_plan.place == "nowhere":
            return self._images(phase, cache_plan.views, batch, first=first, skipped=skipped)
        rows_of_views, targets = self.train_rows(phase), tf.constant(self.feed.train.targets)

        def epoch(number: Tensor) -> tf.data.Dataset:
            turn = tf.cast(number % cache_plan.views, tf.int32)

            def pick(index: Tensor) -> tuple[Tensor, ...]:
                takes = [
                    lambda rows=rows: (rows.gather(index), rows.targets_of(index, targets)) for rows in rows_of_views
                ]
                inputs, wanted = tf.switch_case(turn, takes)
                weights = self.feed.weights(wanted)
                wanted = self.feed.train.beside(wanted, index, phase.augmentation, turn)
                return inputs[0] if len(inputs) == 1 else inputs, wanted, weights

            order = tf.data.Dataset.from_tensor_slices(self.feed.order(number))
            order = order.skip(batch * skipped_steps(number, first, skipped))
            return order.batch(batch, drop_remainder=True).map(pick)

        return untuned(tf.data.Dataset.range(first, 1 << 40).flat_map(epoch).prefetch(2))

    def _images(self, phase: AnyPhase, views: int, batch: int, *, first: int, skipped: int) -> tf.data.Dataset:
        """Batches of model inputs, in the same order and with the same views as `dataset`."""
        train, targets = self.feed.train, tf.constant(self.feed.train.targets)
        steps = len(train) // batch

        def epoch(number: Tensor) -> tf.data.Dataset:
            chosen = tf.reshape(number % views, (1,))

            def load(index: Tensor) -> tuple[Tensor, ...]:
                return train.load(index, phase.augmentation, chosen), tf.gather(targets, index), index

            def finish(turn: Tensor, batched: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
                loaded, wanted, indices = batched
                inputs, wanted = train.finish(
                    loaded, wanted, phase.augmentation, numbers=chosen, turn=number * steps + turn
                )
                weights = self.feed.weights(wanted)
                return inputs, train.beside(wanted, indices, phase.augmentation, chosen[0]), weights

            order = tf.data.Dataset.from_tensor_slices(self.feed.order(number))
            begin = skipped_steps(number, first, skipped)
            loaded = order.skip(batch * begin).map(load, num_parallel_calls=PARALLEL).batch(batch, drop_remainder=True)
            return loaded.enumerate(begin).map(finish, num_parallel_calls=PARALLEL)

        return untuned(tf.data.Dataset.range(first, 1 << 40).flat_map(epoch).prefetch(2))

    def _new_passes(self) -> Passes:
        cuts = {name: tensors for strands in self._strands.values() for name, tensors in strands.items()}
        return Passes(self.model, cuts, self.feed, self.fold, self._rows)

    def _fill(self, phases: Sequence[AnyPhase], bar: ProgressBar) -> None:
        wanted: dict[tuple[str, str], CacheRequest] = {}
        for request in self._wanted(phases):
            # Two members of a fusion may be one and the same.
            wanted.setdefault(self._passes.key(request), request)
        together: dict[tuple[str, str], list[CacheRequest]] = {}
        for key, request in wanted.items():
            if key not in self._rows:
                together.setdefault((request.split, request.augmentation), []).append(request)
        # One runtime for all passes of a phase: to make one takes seconds.
        names = list(self._passes.cuts)
        groups = sorted({request.group for each in together.values() for request in each}, key=names.index)
        for each in together.values():
            self._passes.run(each, groups, use_store=self.limits.disk > 0, bar=bar)

    def _lowest(self, phase: AnyPhase) -> str:
        return phase.groups(list(self.cuts))[0]

    def _requests(self, phase: AnyPhase) -> list[CacheRequest]:
        cache_plan = self.cache_plan(phase)
        found = [each for name in self._strands[self._lowest(phase)] for each in requests(phase, name, cache_plan)]
        return [each for each in found if each.split != "validation" or len(self.feed.validation)]

    def _joined(self, phase: AnyPhase, split: str) -> list[RowSource]:
        """The cached activations of each view of a split, at the cut of a phase."""
        views: dict[int, list[Rows]] = {}
        for request in self._requests(phase):
            if request.split == split:
                views.setdefault(request.number, []).append(self._rows[self._passes.key(request)])
        join = self._joins.get(self._lowest(phase))
        return [BranchRows(strands, join) if join else strands[0] for strands in views.values()]

    def _wanted(self, phases: Sequence[AnyPhase]) -> list[CacheRequest]:
        """The requests of the first phase, and those of later phases for the same views of layers frozen until then."""
        names = list(self.cuts)
        wanted = self._requests(phases[0])
        views = {request.view for request in wanted}
        lowest = len(names)
        for before, phase in itertools.pairwise(phases):
            lowest = min(lowest, names.index(self._lowest(before)))
            if names.index(self._lowest(phase)) <= lowest:
                wanted += [each for each in self._requests(phase) if each.view in views and each not in wanted]
        return wanted
