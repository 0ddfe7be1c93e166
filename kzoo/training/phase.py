"""One phase: gradient steps or a linear probe, on the trunk's activations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.calling import compiled, forward_batches
from kzoo.core.graph.keras_internals import operation_of
from kzoo.core.graph.walking import within
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.compute import BATCH
from kzoo.training.callbacks import KeepBest, Rate
from kzoo.training.feed import Feed, Split, read
from kzoo.training.linear_probe import ProbeSolution, solve
from kzoo.training.losses import build_loss
from kzoo.training.runtime import fold_safely
from kzoo.training.selection import FAR_ON_TRAINING, WeightsState, constant_losses, judge, unmeasured
from kzoo.training.sparse.sparse_features import BLOCKS, count_terms
from kzoo.training.sparse.sparse_probe import SparseSolution, SparseTexts, solve_sparse
from kzoo.training.strategies import whole_batch


class SparseTable(Protocol):
    """A layer from token ids (B, T) to TF-IDF times a table, as `kzoo.models.zoo.tfidf.TfidfEmbedding` is."""

    buckets: int
    """Rows of the table."""

    width: int
    """Columns of the table."""

    def set_weights(self, weights: list[np.ndarray], /) -> None:
        """Sets the table, float32 (buckets, width), and the inverse document frequencies, float32 (buckets,)."""
        ...


@dataclass(frozen=True)
class PhaseOutcome:
    """The result of training a phase.

    Args:
        state: what validation says of the weights that are kept; None where no epoch ended with sound ones.
        scores: on validation, of these weights; without any, of the last epoch.
        history: a dict of logs for each epoch.
        diverged: "", or a sentence that says how it ended, and what to do.
        stopped: whether Ctrl-C ended it, after at least one epoch.
    """

    state: WeightsState | None
    scores: Mapping[str, float]
    history: list[dict[str, float]]
    diverged: str = ""
    stopped: bool = False


def solve_head(phase: LinearProbe, head: Sequence[keras.Operation], activations: Activations) -> PhaseOutcome:
    """Solves a linear head on cached features and puts it in."""
    layers = _linear_layers(head)
    feed = activations.feed
    (features,) = activations.train_rows(phase)[0].take(0, len(feed.train))
    held = [batch[0] for batch in activations.held_batches(phase)]
    validation = (np.concatenate(held), feed.held.targets) if held else None
    train = features, feed.train.targets, _weights(feed)
    solution = solve(train, validation, kind=feed.kind, strengths=phase.strengths)
    layers[0].set_weights([solution.mean, solution.deviation])
    layers[1].set_weights([solution.kernel, solution.bias])
    logits = solution.logits(validation[0]) if validation else None
    return _solved(solution, logits, feed, {"C": solution.strength})


def solve_sparse_head(
    phase: LinearProbe, sparse: SparseTable, head: Sequence[keras.Operation], feed: Feed
) -> PhaseOutcome:
    """Solves a linear model of token ids and puts it in: into a table of embeddings, whose first columns are logits.

    Args:
        phase: the phase.
        sparse: the layer with the table, see `kzoo.models.zoo.tfidf.TfidfEmbedding`; its output is what the head takes.
        head: the head's layers, linear.
        feed: the data.
    """
    standard, dense = _linear_layers(head)

    def texts(split: Split) -> SparseTexts:
        batches = (inputs.numpy() for inputs, _ in read(split, np.arange(len(split)), "none", [0], batch=BATCH))
        weights = np.asarray(feed.weights(tf.constant(split.targets)))
        return SparseTexts(count_terms(batches, buckets=sparse.buckets), split.targets, weights, split.groups)

    train, held = texts(feed.train), texts(feed.held) if len(feed.held) else None
    solution = solve_sparse(train, held, kind=feed.kind, strengths=phase.strengths)
    sparse.set_weights([solution.table(train.terms, width=sparse.width), solution.design.idf])
    standard.set_weights([np.zeros(sparse.width), np.ones(sparse.width)])
    dense.set_weights([np.eye(sparse.width, len(solution.bias)), solution.bias])
    logits = solution.logits(held.terms) if held else None
    words, pieces = map(float, BLOCKS[solution.blocks])
    return _solved(solution, logits, feed, {"C": solution.strength, "words": words, "pieces": pieces})


def _linear_layers(head: Sequence[keras.Operation]) -> list[keras.layers.Layer]:
    """The layers with weights of a linear head: the one that standardises, and the dense one."""
    layers = [layer for layer in head if getattr(layer, "weights", ())]
    if len(layers) != 2 or not hasattr(layers[0], "deviation") or not isinstance(layers[1], keras.layers.Dense):
        raise ValueError("kzoo.LinearProbe() needs a linear head: pass kzoo.Head(), or train with kzoo.Phase('head').")
    return layers


def _solved(
    solution: ProbeSolution | SparseSolution, logits: np.ndarray | None, feed: Feed, chosen: Mapping[str, float]
) -> PhaseOutcome:
    """What a probe came to, of its logits on validation, if there are any, and of what was chosen."""
    if logits is None:
        state = unmeasured([solution.kernel, solution.bias])
    else:
        state = judge(feed.kind, logits, feed.held.targets, constant=_constant(feed), monitor=feed.monitor)
    history = [{"epoch": 0, **chosen, **state.scores}]
    if state.sound:
        return PhaseOutcome(state, state.scores, history)
    loss = state.scores.get("val_loss", np.nan)
    lost = f"The solution is not used: on validation it is far worse than a constant (loss {loss:.3g})."
    return PhaseOutcome(None, state.scores, history, lost)


def fit_tail(
    phase: Phase,
    activations: Activations,
    *,
    optimizer: keras.optimizers.Optimizer,
    strategy: tf.distribute.Strategy,
    callbacks: Sequence[keras.callbacks.Callback],
    precision: str | None = None,
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
        # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
        loss = feed.loss or build_loss(feed.kind, label_smoothing=phase.label_smoothing)
        tail.compile(optimizer, loss, jit_compile=False)
    call, measured = compiled(tail), len(feed.held) > 0
    constant = _constant(feed) if measured else np.zeros(0)

    def measure() -> WeightsState:
        if not measured:
            return unmeasured(tail.get_weights())
        logits = forward_batches(call, activations.held_batches(phase), batch_size=BATCH)
        return judge(feed.kind, logits, feed.held.targets, constant=constant, monitor=feed.monitor)

    limit = FAR_ON_TRAINING * _training_guess(loss, feed, phase)
    # Without validation no epoch beats another: patience would always end the phase.
    keep = KeepBest(measure, limit=limit, patience=phase.patience if measured else None)
    stopped = False
    try:
        with computing_in(tail, precision):
            tail.fit(
                activations.dataset(phase, batch=batch),
                epochs=phase.epochs,
                steps_per_epoch=steps,
                callbacks=[Rate(phase, steps=steps * phase.epochs), keep, *callbacks],
                shuffle=False,
                verbose=0,
            )
    except KeyboardInterrupt:
        stopped = keep.last is not None
        if not stopped:
            raise
    state, last = keep.restore(), keep.history[-1]
    lost = _divergence(phase, last, kept=state is not None) if keep.diverged else ""
    scores = state.scores if state else {name: value for name, value in last.items() if name.startswith("val_")}
    return PhaseOutcome(state, scores, keep.history, lost, stopped)


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


def _divergence(phase: Phase, last: Mapping[str, float], *, kept: bool) -> str:
    """How a phase ended, of the logs of its last epoch, and what to do."""
    losses = f"loss {last['loss']:.3g}"
    if "val_loss" in last:
        losses += f", on validation {last['val_loss']:.3g}"
    used = "the weights of an earlier epoch are used" if kept else "its weights are not used"
    advice = f"Lower its learning_rate, which was {phase.learning_rate:g}."
    return f"Training diverged in epoch {last['epoch'] + 1} ({losses}): {used}. {advice}"


def _weights(feed: Feed) -> np.ndarray:
    """The weight of each training example."""
    return np.asarray(feed.weights(tf.constant(feed.train.targets)))


def _constant(feed: Feed) -> np.ndarray:
    """The loss of each validation example by a constant prediction."""
    return constant_losses(feed.kind, feed.held.targets, train=feed.train.targets, weights=_weights(feed))


def _training_guess(loss: keras.losses.Loss, feed: Feed, phase: Phase) -> float:
    """The training loss of logits of 0, on up to 1000 examples; at least that of a guess by the kind of the task."""
    chosen = feed.order(0)[:1000]
    targets = tf.gather(tf.constant(feed.train.targets), chosen)
    beside = feed.train.beside(targets, chosen, phase.augmentation, 0)
    found = float(loss(beside, tf.zeros_like(targets), sample_weight=feed.weights(targets)))
    return max(found, feed.kind.guess_loss(targets.shape[1]))
