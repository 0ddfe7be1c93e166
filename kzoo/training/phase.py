"""One phase of gradient steps, on the trunk's activations; and what any phase comes to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.calling import compiled, forward_batches
from kzoo.core.graph.keras_internals import operation_of
from kzoo.core.graph.walking import within
from kzoo.specs.phases import AnyPhase, Phase
from kzoo.specs.task import GRADNORM
from kzoo.training.adapters.differences import Difference, merge, with_differences
from kzoo.training.adapters.merged_differences import MergedDifference
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.compute import BATCH
from kzoo.training.callbacks import Balance, Balancing, KeepBest, Rate
from kzoo.training.feed import Feed, Split
from kzoo.training.fitting import Fitting
from kzoo.training.losses import build_loss
from kzoo.training.resuming.phase_checkpoints import PhaseCheckpoints
from kzoo.training.runtime import fold_safely
from kzoo.training.selection import FAR_ON_TRAINING, WeightsState, constant_losses, judge, unmeasured
from kzoo.training.strategies import whole_batch
from kzoo.training.task_gradients import TaskGradients, shared_variables

MEASURED = 4
"""Batches of which GradNorm takes the gradients of each task, before each epoch."""


@dataclass(frozen=True)
class PhaseOutcome:
    """The result of training a phase.

    Args:
        state: what validation says of the weights that are kept; None where no epoch ended with sound ones.
        scores: on validation, of these weights; without any, of the last epoch.
        history: a dict of logs for each epoch.
        diverged: "", or a sentence that says how it ended, and what to do.
        stopped: whether Ctrl-C ended it, after at least one epoch.
        finished: whether it has come to its end; of one that Ctrl-C stopped, right after it.
        recovered: "", or a sentence that says that a loss was no finite number, and from where training went on.
        refit: of a probe, puts the head in that is solved on training and validation examples; None: there is none.
        differences: that an adapter added to weights.
    """

    state: WeightsState | None
    scores: Mapping[str, float]
    history: list[dict[str, float]]
    diverged: str = ""
    stopped: bool = False
    finished: bool = True
    recovered: str = ""
    refit: Callable[[], None] | None = None
    differences: Sequence[MergedDifference] = ()


@dataclass(frozen=True)
class PhaseResult:
    """The result of one phase.

    Args:
        phase: the phase.
        groups: the groups that trained.
        views: how many views of each example it went through.
        place: where their activations were: ``"memory"``, ``"disk"``, or ``"nowhere"``.
        runtimes: what computed them: ``"OpenVINO"``, ``"OpenVINO bfloat16"``, ``"folded"``, ``"Keras"``; none where
            they were there already.
        state: what validation says of the weights that it kept; None where no epoch ended with sound ones.
        scores: on validation, of the weights it kept; without any, of its last epoch.
        diverged: "", or a sentence that says how it ended, and what to do.
        recovered: likewise, see `PhaseOutcome`.
        stopped: "", or a sentence that says where Ctrl-C ended the run, in this phase or in the next.
        history: a dict of logs for each epoch.
        seconds: wall time.
        trunk_seconds: how much of it went into reading images and running what is frozen.
        weights: the model's weights after it: those that it kept, or else those before it.
        parameters: numbers that trained, of a phase with an adapter; else None.
        all_parameters: numbers in all weights of the model, likewise.
        refit: of a probe, see `PhaseOutcome`; for the phase that is kept.
        differences: that an adapter added to weights; none where these were not kept.
    """

    phase: AnyPhase
    groups: tuple[str, ...]
    views: int
    place: str
    runtimes: tuple[str, ...]
    state: WeightsState | None
    scores: Mapping[str, float]
    diverged: str
    stopped: str
    history: list[dict[str, float]]
    seconds: float
    trunk_seconds: float
    weights: list[np.ndarray] = field(repr=False)
    recovered: str = ""
    parameters: int | None = None
    all_parameters: int | None = None
    refit: Callable[[], None] | None = field(default=None, repr=False)
    differences: Sequence[MergedDifference] = field(default=(), repr=False)


def fit_tail(
    phase: Phase,
    activations: Activations,
    *,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback],
    precision: str | None = None,
    checkpoints: PhaseCheckpoints | None = None,
    differences: Sequence[Difference] = (),
) -> PhaseOutcome:
    """Fits the tail on the trunk's activations, and leaves it with the weights that selection keeps.

    Args:
        phase: the phase.
        activations: filled for it.
        optimizer: knows the model's variables.
        strategy: where it runs.
        callbacks: what else `fit` is called with.
        precision: dtype policy of the tail's layers while they train; None: their own. Validation has their own in any
            case, as predictions have.
        checkpoints: where its state is kept while it trains; from what is there, it goes on. None: nowhere.
        differences: what the phase's adapter trains; merged into the weights at the end.

    Raises:
        KeyboardInterrupt: Ctrl-C before the first epoch was measured; later it ends the phase.
    """
    feed = activations.feed
    batch = whole_batch(phase.batch_size, len(feed.train), strategy)
    steps = len(feed.train) // batch
    with strategy.scope():
        tail = activations.part(phase).tail
        if precision is None:
            # BatchNorm that is frozen costs as much as a convolution, forward and back: it is folded in each step.
            tail = fold_safely(activations.fold, tail, live=True)
        inner = tail
        if phase.adapter:
            tail = with_differences(inner, differences, penalty=phase.adapter.penalty)
        # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
        loss = feed.loss or build_loss(feed.kind, label_smoothing=phase.label_smoothing)
        tail.compile(optimizer, loss, jit_compile=False)
    call, measured = compiled(tail), len(feed.validation) > 0
    constant = constant_of(feed) if measured else np.zeros(0)

    def measure() -> WeightsState:
        if not measured:
            return unmeasured(tail.get_weights())
        logits = forward_batches(call, activations.validation_batches(phase), batch_size=BATCH)
        return judge(feed.kind, logits, feed.validation.targets, constant=constant, monitor=feed.monitor)

    limit = FAR_ON_TRAINING * _training_guess(loss, feed, phase)
    # Without validation no epoch beats another: patience would always end the phase.
    keep = KeepBest(measure, limit=limit, patience=phase.patience if measured else None)
    balanced: list[Balance] = []
    if measured and feed.kind.weighing:
        balanced = [_balance(loss, keep, phase=phase, activations=activations, tail=tail, batch=batch)]
    fitting = Fitting(
        tail,
        epochs=phase.epochs,
        steps=steps,
        batches=lambda epoch, step: activations.dataset(phase, batch=batch, first=epoch, skipped=step),
        names=lambda epoch, step: feed.examples_of_step(epoch, step, batch=batch),
        rate=Rate(phase, steps=steps * phase.epochs),
        keep=keep,
        balanced=balanced,
        checkpoints=checkpoints,
    )
    with computing_in(inner, precision):
        stopped = fitting.run(callbacks)
    state, last = keep.restore(), keep.history[-1]
    merged = merge(differences, activations.model.weights)
    lost = _divergence(phase, last, kept=state is not None, where=fitting.lost) if keep.diverged else ""
    scores = state.scores if state else {name: value for name, value in last.items() if name.startswith("val_")}
    return PhaseOutcome(
        state,
        scores,
        keep.history,
        lost,
        stopped,
        finished=fitting.is_finished,
        recovered=fitting.recovered,
        differences=merged if state else (),
    )


def _balance(
    loss: keras.losses.Loss, keep: KeepBest, *, phase: Phase, activations: Activations, tail: keras.Model, batch: int
) -> Balance:
    """The callback that weighs several tasks before each epoch."""
    if not isinstance(loss, Balancing):
        raise TypeError(f"The loss of several tasks weighs them. Got {loss!r}.")
    feed, shared = activations.feed, shared_variables(tail)
    if feed.kind.weighing != GRADNORM or not shared:
        return Balance(loss, _trained_targets(feed), keep)
    gradients = TaskGradients(tail, loss.by_task, {"shared": shared})

    def norms() -> np.ndarray:
        batches = activations.dataset(phase, batch=batch).take(MEASURED)
        return gradients.measure(batches)["shared"].norms

    return Balance(loss, _trained_targets(feed), keep, norms)


@contextlib.contextmanager
def computing_in(model: keras.Model, precision: str | None) -> Iterator[None]:
    """Within it the layers of a model compute in another precision; those of its output stay as they are.

    Args:
        model: weights are float32 before, within and after.
        precision: name of a dtype policy, or None to change nothing.
    """
    outputs = {id(operation_of(tensor)) for tensor in keras.tree.flatten(model.output)}
    found = [each for op in model.operations if id(op) not in outputs for each in within(op)]
    layers = [each for each in found if isinstance(each, keras.layers.Layer)] if precision else []
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = precision
    try:
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _divergence(phase: Phase, last: Mapping[str, float], *, kept: bool, where: str) -> str:
    """How a phase ended, of the logs of its last epoch, and what to do."""
    losses = f"loss {last['loss']:.3g}"
    if "val_loss" in last:
        losses += f", on validation {last['val_loss']:.3g}"
    used = "the weights of an earlier epoch are used" if kept else "its weights are not used"
    advice = f"Lower its learning_rate, which was {phase.learning_rate:g}."
    first = f" Its loss was not finite {where}, also at half the rate." if where else ""
    return f"Training diverged in epoch {last['epoch'] + 1} ({losses}): {used}.{first} {advice}"


def weights_of(feed: Feed, split: Split) -> np.ndarray:
    """The weight of each example of a split."""
    return np.asarray(feed.weights(tf.constant(split.targets)))


def constant_of(feed: Feed) -> np.ndarray:
    """The loss of each validation example by a constant prediction."""
    return constant_losses(
        feed.kind, feed.validation.targets, train=feed.train.targets, weights=weights_of(feed, feed.train)
    )


def _trained_targets(feed: Feed) -> np.ndarray:
    """Targets of validation, without those of tasks that training has no target of."""
    targets = np.array(feed.validation.targets)
    for part in feed.kind.parts:
        if not part.known(feed.train.targets).any():
            targets[:, part.start : part.stop] = np.nan
    return targets


def _training_guess(loss: keras.losses.Loss, feed: Feed, phase: Phase) -> float:
    """The training loss of logits of 0, on up to 1000 examples; at least that of a guess by the kind of the task."""
    chosen = feed.order(0)[:1000]
    targets = tf.gather(tf.constant(feed.train.targets), chosen)
    beside = feed.train.beside(targets, chosen, phase.augmentation, 0)
    found = float(loss(beside, tf.zeros_like(targets), sample_weight=feed.weights(targets)))
    return max(found, feed.kind.guess_loss(targets.shape[1]))
