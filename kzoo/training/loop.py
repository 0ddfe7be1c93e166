"""The loop: for each phase, set flags, split trunk from tail, compile, fit, keep the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from kzoo.specs.schedule import Phase, Schedule
from kzoo.training import store
from kzoo.training.activations import Activations
from kzoo.training.callbacks import KeepBest, Progress, Rate, refuse_callbacks
from kzoo.training.feed import Feed
from kzoo.training.freezing import set_trainable
from kzoo.training.losses import build_loss, score
from kzoo.training.optimizers import build_optimizer, kernels_of, rates_of
from kzoo.training.passes import BATCH
from kzoo.training.probe import solve
from kzoo.training.runtime import fold_safely
from kzoo.training.strategies import whole_batch
from kzoo.training.trunk import compiled, forward_batches

Groups = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class PhaseResult:
    """What one phase came to.

    Args:
        phase: the phase.
        groups: the groups that trained.
        views: how many views of each example it went through.
        place: where their activations were: ``"memory"``, ``"disk"``, or ``"nowhere"``.
        scores: on validation, of the weights it kept.
        history: a dict of logs for each epoch.
        seconds: wall time.
        trunk_seconds: how much of it went into reading pictures and running what is frozen.
        weights: the model's weights after it.
    """

    phase: Phase
    groups: tuple[str, ...]
    views: int
    place: str
    scores: dict[str, float]
    history: list[dict[str, Any]]
    seconds: float
    trunk_seconds: float
    weights: list[np.ndarray] = field(repr=False)


def train(
    model: keras.Model,
    *,
    groups: Groups,
    cuts: Groups,
    feed: Feed,
    schedule: Schedule,
    fold: Callable[..., keras.Model],
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[PhaseResult]:
    """Runs a schedule, and leaves the model with the weights of its last phase.

    Args:
        model: from scaled pictures to logits.
        groups: its layers by group, from input to head.
        cuts: the tensors that enter each group.
        feed: the data.
        schedule: the phases.
        fold: see `kzoo.models.folding.fold`.
        strategy: where it runs; the model was built in its scope.
        callbacks: Keras callbacks, for every phase that takes gradient steps; their model is the part that trains.
    """
    refuse_callbacks(callbacks)
    set_trainable(groups, groups, batch_norm=True)
    optimizers = _Optimizers(list(model.trainable_variables), strategy)
    activations = Activations(model, cuts, feed, fold)
    results = []
    for number, phase in enumerate(schedule.phases, start=1):
        label = f"phase {number} of {len(schedule.phases)}"
        started = time.perf_counter()
        try:
            trained = phase.groups(list(groups))
            set_trainable(groups, trained, batch_norm=phase.batch_norm)
            epochs = 0 if phase.optimizer == "lbfgs" else phase.epochs
            # The one bar of a phase, in pictures: those that go through the trunk, and those of each epoch.
            with tqdm(total=epochs * len(feed.train), desc=label, unit="example", leave=False) as bar:
                activations.fill(schedule.phases[number - 1 :], bar=bar)
                filled = time.perf_counter()
                if phase.optimizer == "lbfgs":
                    scores, history = _solve(phase, groups["head"], activations, bar)
                else:
                    optimizer = optimizers.get(phase, groups)
                    fitting = _Fitting(phase, activations, optimizer, strategy, callbacks)
                    scores, history = fitting.run(bar)
        except Exception as error:
            error.add_note(f"while training {model.name!r}, {label}: {phase}")
            raise
        holding = activations.holding(phase)
        results.append(
            PhaseResult(
                phase,
                trained,
                views=holding.views,
                place=holding.place,
                scores=scores,
                history=history,
                seconds=time.perf_counter() - started,
                trunk_seconds=filled - started,
                weights=model.get_weights(),
            )
        )
    store.sweep()
    return results


def _solve(
    phase: Phase, head: Sequence[Any], activations: Activations, bar: tqdm
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Solves a linear head on cached features and puts it in."""
    layers = [layer for layer in head if getattr(layer, "weights", ())]
    if len(layers) != 2 or not hasattr(layers[0], "deviation") or not isinstance(layers[1], keras.layers.Dense):
        raise ValueError("optimizer='lbfgs' needs a linear head: use another optimizer, or Head(hidden=0).")
    feed = activations.feed
    bar.set_postfix_str("solving")
    (features,) = activations.train_rows(phase)[0].take(0, len(feed.train))
    held = np.concatenate([batch[0] for batch in activations.held_batches(phase)])
    weights = np.asarray(feed.weights(tf.constant(feed.train.targets)))
    arrays = (features, feed.train.targets, weights)
    solution = solve(arrays, (held, feed.held.targets), kind=feed.kind)
    layers[0].set_weights([solution.mean, solution.deviation])
    layers[1].set_weights([solution.kernel, solution.bias])
    return solution.scores, [{"epoch": 0, "C": solution.strength, **solution.scores}]


@dataclass(frozen=True)
class _Fitting:
    """One phase of gradient steps."""

    phase: Phase
    activations: Activations
    optimizer: keras.optimizers.Optimizer
    strategy: tf.distribute.Strategy
    callbacks: Sequence[keras.callbacks.Callback]

    def run(self, bar: tqdm) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Fits the tail on the trunk's activations, and leaves it with its best weights by validation."""
        phase, feed = self.phase, self.activations.feed
        batch = whole_batch(phase.batch_size, len(feed.train), self.strategy)
        steps = len(feed.train) // batch
        with self.strategy.scope():
            # BatchNorm that is frozen costs as much as a convolution, forward and back: it is folded in each step.
            tail = fold_safely(self.activations.fold, self.activations.part(phase).tail, live=True)
            # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
            loss = feed.loss or build_loss(feed.kind, label_smoothing=phase.label_smoothing)
            tail.compile(self.optimizer, loss, jit_compile=False)
        call = compiled(tail)

        def measure() -> dict[str, float]:
            held = self.activations.held_batches(phase)
            logits = forward_batches(call, held, batch_size=BATCH)
            return score(feed.kind, logits, feed.held.targets)

        keep = KeepBest(measure, size=len(feed.held), patience=phase.patience)
        progress = Progress(bar, size=len(feed.train), epochs=phase.epochs)
        tail.fit(
            self.activations.dataset(phase, batch=batch),
            epochs=phase.epochs,
            steps_per_epoch=steps,
            callbacks=[Rate(phase, steps=steps * phase.epochs), keep, *self.callbacks, progress],
            shuffle=False,
            verbose=0,
        )
        return keep.restore(), keep.history


class _Optimizers:
    """One optimizer of each kind, made while nothing is frozen, so that its state outlives every phase."""

    def __init__(self, variables: Sequence[Any], strategy: tf.distribute.Strategy) -> None:
        self.variables, self.strategy = variables, strategy
        self.made: dict[str, keras.optimizers.Optimizer] = {}

    def get(self, phase: Phase, groups: Groups) -> keras.optimizers.Optimizer:
        """The optimizer of a phase, with its rate for each group."""
        if phase.optimizer not in self.made:
            with self.strategy.scope():
                self.made[phase.optimizer] = build_optimizer(phase.optimizer, self.variables)
        factors = rates_of(groups, phase.layer_decay)
        decays = dict.fromkeys(kernels_of(groups), phase.weight_decay) if phase.weight_decay else {}
        self.made[phase.optimizer].set_groups(factors, decays=decays)
        return self.made[phase.optimizer]
