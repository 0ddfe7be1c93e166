"""A phase that is a linear probe: the head is solved on frozen features, or on TF-IDF of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import keras
import numpy as np

from kzoo.specs.phases import AnyPhase, LinearProbe
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.compute import BATCH
from kzoo.training.feed import Feed, Split, read
from kzoo.training.phase import PhaseOutcome, constant_of, weights_of
from kzoo.training.probes.kept_outputs import hide_targets, with_kept_outputs
from kzoo.training.probes.linear_probe import ProbeSolution, solve, solve_on_both
from kzoo.training.probes.part_probes import Rows, solve_parts
from kzoo.training.selection import judge, unmeasured
from kzoo.training.sparse.sparse_features import BLOCKS, count_terms
from kzoo.training.sparse.sparse_probe import SparseSolution, SparseTexts, fit_sparse, solve_sparse


class SparseTable(Protocol):
    """A layer from token ids (B, T) to TF-IDF times a table, as `kzoo.models.zoo.tfidf.TfidfEmbedding` is."""

    buckets: int
    """Rows of the table."""

    width: int
    """Columns of the table."""

    def set_weights(self, weights: list[np.ndarray], /) -> None:
        """Sets the table, float32 (buckets, width), and the inverse document frequencies, float32 (buckets,)."""
        ...


def solve_head(phase: LinearProbe, head: Sequence[keras.Operation], activations: Activations) -> PhaseOutcome:
    """Solves a linear head on cached features of the training split and puts it in."""
    layers = _linear_layers(head)
    feed = activations.feed
    features, held = cached_features(phase, activations)
    validation = None if held is None else (held, hide_targets(feed.validation.targets, feed.kept))
    train = features, hide_targets(feed.train.targets, feed.kept), weights_of(feed, feed.train)
    solution, solve_again = _solve(phase, feed, train, validation)
    solution = with_kept_outputs(solution, layers, feed.kept)
    _put_in(layers, solution)
    if validation is None:
        return judge_solved([solution.kernel, solution.bias], None, feed, _penalties(solution, feed))

    def refit() -> None:
        more = *validation, weights_of(feed, feed.validation)
        _put_in(layers, with_kept_outputs(solve_again(more), layers, feed.kept))

    entering = validation[0] if feed.parts is None else feed.parts.expand(validation[0])
    outcome = judge_solved(
        [solution.kernel, solution.bias], solution.logits(entering), feed, _penalties(solution, feed)
    )
    return replace(outcome, refit=refit if phase.refit and outcome.state else None)


def _solve(
    phase: LinearProbe, feed: Feed, train: Rows, validation: tuple[np.ndarray, np.ndarray] | None
) -> tuple[ProbeSolution, Callable[[Rows], ProbeSolution]]:
    """The solution, and a function that solves with its penalties on training and on more rows together.

    Of several inputs it is one head made of one for all of them and one for each that is alone.
    """
    kind = feed.kind
    if feed.parts is None:
        solution = solve(train, validation, kind=kind, strengths=phase.strengths)
        return solution, lambda more: solve_on_both(train, more, kind=kind, strength=solution.strength)
    solve_those = partial(solve_parts, layout=feed.parts, kind=kind, seed=feed.seed)
    solved = solve_those(train, validation, strengths=phase.strengths)

    def solve_again(more: Rows) -> ProbeSolution:
        features, targets, weights = (np.concatenate(pair) for pair in zip(train, more, strict=True))
        return solve_those((features, targets, weights), None, strengths=solved.strengths, each=True).joined

    return solved.joined, solve_again


def _put_in(layers: Sequence[keras.layers.Layer], solution: ProbeSolution) -> None:
    """Puts a solution into the layers of a linear head, see `_linear_layers`."""
    layers[0].set_weights([solution.mean, solution.deviation])
    layers[1].set_weights([solution.kernel, solution.bias])


def _penalties(solution: ProbeSolution, feed: Feed) -> dict[str, float]:
    """The inverse penalty as a history names it; of several tasks one each."""
    if isinstance(solution.strength, tuple):
        return {f"C {part.name}": each for part, each in zip(feed.kind.parts, solution.strength, strict=True)}
    return {"C": solution.strength}


def cached_features(phase: AnyPhase, activations: Activations) -> tuple[np.ndarray, np.ndarray | None]:
    """Features that the head takes, (N, C), of the training and of the validation split; None without the latter."""
    features = _beside(activations.train_rows(phase)[0].take(0, len(activations.feed.train)))
    held = [_beside(batch) for batch in activations.validation_batches(phase)]
    return features, np.concatenate(held) if held else None


def _beside(tensors: Sequence[np.ndarray]) -> np.ndarray:
    """The tensors that enter a head, (N, C) each, side by side: several where a head joins several inputs."""
    return tensors[0] if len(tensors) == 1 else np.concatenate(tensors, axis=1)


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
        terms = count_terms(batches, buckets=sparse.buckets)
        return SparseTexts(terms, split.targets, weights_of(feed, split), split.groups)

    train, held = texts(feed.train), texts(feed.validation) if len(feed.validation) else None
    solution = solve_sparse(train, held, kind=feed.kind, strengths=phase.strengths)

    def put_in(found: SparseSolution, texts: SparseTexts) -> None:
        sparse.set_weights([found.table(texts.terms, width=sparse.width), found.design.idf])
        standard.set_weights([np.zeros(sparse.width), np.ones(sparse.width)])
        dense.set_weights([np.eye(sparse.width, len(found.bias)), found.bias])

    put_in(solution, train)
    words, pieces = map(float, BLOCKS[solution.blocks])
    chosen = {"C": solution.strength, "words": words, "pieces": pieces}
    if held is None:
        return judge_solved([solution.kernel, solution.bias], None, feed, chosen)

    def refit() -> None:
        both = train + held
        put_in(fit_sparse(both, solution.blocks, solution.strength, kind=feed.kind), both)

    outcome = judge_solved([solution.kernel, solution.bias], solution.logits(held.terms), feed, chosen)
    return replace(outcome, refit=refit if phase.refit and outcome.state else None)


def _linear_layers(head: Sequence[keras.Operation]) -> list[keras.layers.Layer]:
    """The layers with weights of a linear head: the one that standardises, and the dense one."""
    layers = [layer for layer in head if getattr(layer, "weights", ())]
    if len(layers) != 2 or not hasattr(layers[0], "deviation") or not isinstance(layers[1], keras.layers.Dense):
        raise ValueError("kzoo.LinearProbe() needs a linear head: pass kzoo.Head(), or train with kzoo.Phase('head').")
    return layers


def judge_solved(
    weights: Sequence[np.ndarray], logits: np.ndarray | None, feed: Feed, chosen: Mapping[str, float]
) -> PhaseOutcome:
    """What a probe came to.

    Args:
        weights: that were solved.
        logits: on validation, (N, outputs); None where there are no examples.
        feed: the data.
        chosen: values that were chosen, by name.
    """
    if logits is None:
        state = unmeasured(weights)
    else:
        state = judge(feed.kind, logits, feed.validation.targets, constant=constant_of(feed), monitor=feed.monitor)
    history = [{"epoch": 0, **chosen, **state.scores}]
    if state.sound:
        return PhaseOutcome(state, state.scores, history)
    loss = state.scores.get("val_loss", np.nan)
    lost = f"The solution is not used: on validation it is far worse than a constant (loss {loss:.3g})."
    return PhaseOutcome(None, state.scores, history, lost)
