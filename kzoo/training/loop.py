"""The loop: for each phase, set flags, split trunk from tail, compile, fit, keep the best."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from kzoo.specs.schedule import Phase, Schedule
from kzoo.training.activations import Activations, Feed
from kzoo.training.callbacks import KeepBest, Progress, Rate, refuse_callbacks
from kzoo.training.freezing import set_trainable
from kzoo.training.losses import build_loss, score
from kzoo.training.optimizers import build_optimizer
from kzoo.training.probe import solve
from kzoo.training.strategies import whole_batch
from kzoo.training.trunk import compiled, forward

Groups = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class PhaseResult:
    """What one phase came to.

    Args:
        phase: the phase.
        groups: the groups that trained.
        scores: on validation, of the weights it kept.
        history: a dict of logs for each epoch.
        seconds: wall time.
        weights: the model's weights after it.
    """

    phase: Phase
    groups: tuple[str, ...]
    scores: dict[str, float]
    history: list[dict[str, Any]]
    seconds: float
    weights: list[np.ndarray] = field(repr=False)


def train(
    model: keras.Model,
    *,
    groups: Groups,
    cuts: Groups,
    feed: Feed,
    schedule: Schedule,
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
        strategy: where it runs; the model was built in its scope.
        callbacks: Keras callbacks, for every phase that takes gradient steps; their model is the part that trains.
    """
    refuse_callbacks(callbacks)
    set_trainable(groups, groups, batch_norm=True)
    optimizers = _Optimizers(list(model.trainable_variables), strategy)
    activations = Activations(model, cuts, feed)
    results = []
    for number, phase in enumerate(schedule.phases, start=1):
        label = f"phase {number} of {len(schedule.phases)}"
        started = time.perf_counter()
        try:
            trained = phase.groups(list(groups))
            activations.keep(schedule.phases[number - 1 :])
            set_trainable(groups, trained, batch_norm=phase.batch_norm)
            with _bar(phase, trained[0], activations, label) as bar:
                if phase.optimizer == "lbfgs":
                    scores, history = _solve(groups["head"], activations, bar)
                else:
                    optimizer = optimizers.get(phase, groups)
                    scores, history = _fit(phase, trained[0], activations, optimizer, strategy, callbacks, bar)
        except Exception as error:
            error.add_note(f"while training {model.name!r}, {label}: {phase}")
            raise
        activations.forget_above(trained[0])
        seconds = time.perf_counter() - started
        results.append(PhaseResult(phase, trained, scores, history, seconds, model.get_weights()))
    return results


def _bar(phase: Phase, lowest: str, activations: Activations, label: str) -> tqdm:
    """The one progress bar of a phase, in pictures: those that go through the trunk, then those of each epoch."""
    epochs = 0 if phase.optimizer == "lbfgs" else phase.epochs
    total = activations.pending(phase, lowest) + epochs * activations.feed.train_size
    return tqdm(total=total, desc=label, unit="picture", leave=False)


def _solve(head: Sequence[Any], activations: Activations, bar: tqdm) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Solves a linear head on cached features and puts it in."""
    layers = [layer for layer in head if getattr(layer, "weights", ())]
    if len(layers) != 1 or not isinstance(layers[0], keras.layers.Dense):
        raise ValueError("optimizer='lbfgs' needs a linear head: use another optimizer, or Head(hidden=0).")
    feed = activations.feed
    (features,), targets = activations.view("head", augmentation="none", number=0, bar=bar)
    (held,) = activations.validation("head", bar=bar)
    bar.set_postfix_str("solving")
    arrays = (features.numpy(), targets.numpy(), feed.weights(targets).numpy())
    solution = solve(arrays, (held, feed.validation_targets), kind=feed.kind)
    layers[0].set_weights([solution.kernel, solution.bias])
    return solution.scores, [{"epoch": 0, "C": solution.strength, **solution.scores}]


def _fit(
    phase: Phase,
    lowest: str,
    activations: Activations,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback],
    bar: tqdm,
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Fits the tail on the trunk's activations, and leaves it with its best weights by validation."""
    feed = activations.feed
    tail = activations.part(lowest).tail
    held = activations.validation(lowest, bar=bar)
    batch = whole_batch(phase.batch_size, feed.train_size, strategy)
    steps = feed.train_size // batch
    dataset = activations.dataset(phase, lowest, batch=batch, bar=bar)
    call = compiled(tail)

    def measure() -> dict[str, float]:
        return score(feed.kind, forward(call, held, batch_size=64), feed.validation_targets)

    keep = KeepBest(measure, patience=phase.patience)
    with strategy.scope():
        # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
        tail.compile(optimizer, build_loss(feed.kind, label_smoothing=phase.label_smoothing), jit_compile=False)
    progress = Progress(bar, size=feed.train_size, epochs=phase.epochs)
    tail.fit(
        dataset,
        epochs=phase.epochs,
        steps_per_epoch=steps,
        callbacks=[Rate(phase, steps=steps * phase.epochs), keep, *callbacks, progress],
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
        factors = {}
        for distance, name in enumerate(reversed(list(groups))):
            for operation in groups[name]:
                for variable in getattr(operation, "trainable_variables", ()):
                    factors[variable.path] = phase.layer_decay**distance
        self.made[phase.optimizer].set_groups(factors, weight_decay=phase.weight_decay)
        return self.made[phase.optimizer]
