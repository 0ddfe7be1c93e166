"""A phase that is a probe whose head is a classical one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from kzoo.specs.phases import AnyPhase, LinearProbe
from kzoo.training.cache.activations import Activations
from kzoo.training.feed import Feed, Split
from kzoo.training.phase import PhaseOutcome, weights_of
from kzoo.training.probes.classical.classical_probe import (
    ClassicalSolution,
    LabelledFeatures,
    choose_settings,
    solve_classical,
)
from kzoo.training.probes.probe_phase import cached_features, judge_solved

BATCH = 256
"""Examples that a head answers at once."""


def solve_classical_head(
    phase: LinearProbe, name: str, head: Sequence[keras.Operation], activations: Activations
) -> PhaseOutcome:
    """Chooses a setting by cross-validation over training and validation, fits to training, and puts the head in.

    Args:
        phase: the phase.
        name: of a row of `kzoo.specs.catalog.classical_heads`.
        head: the head's layers.
        activations: whose rows enter the head.
    """
    layers = [layer for layer in head if getattr(layer, "weights", ())]
    places = int(getattr(layers[1], "examples", 0))
    feed = activations.feed
    train, held = labelled_features(phase, activations)
    examples = train if held is None else train + held
    chosen_by = {"strengths": phase.strengths, "places": places, "seed": feed.seed}
    choice = choose_settings(name, examples, kind=feed.kind, **chosen_by)

    def put_in(examples: LabelledFeatures) -> None:
        _set_weights(layers, solve_classical(choice, examples, kind=feed.kind, places=places, seed=feed.seed))

    put_in(train)
    logits = None if held is None else _answer(layers, held.features)
    outcome = judge_solved([each for layer in layers for each in layer.get_weights()], logits, feed, choice.setting)
    refit = phase.refit and held is not None and outcome.state is not None
    return replace(outcome, refit=(lambda: put_in(examples)) if refit else None)


def labelled_features(phase: AnyPhase, activations: Activations) -> tuple[LabelledFeatures, LabelledFeatures | None]:
    """What enters a head, of the training and of the validation split; None without the latter."""
    feed = activations.feed
    features, held = cached_features(phase, activations)
    train = _labelled(features, feed, feed.train)
    return train, None if held is None else _labelled(held, feed, feed.validation)


def _labelled(features: np.ndarray, feed: Feed, split: Split) -> LabelledFeatures:
    entering = features if feed.parts is None else feed.parts.expand(features)
    return LabelledFeatures(entering, split.targets, weights_of(feed, split), split.groups)


def _set_weights(layers: Sequence[keras.layers.Layer], found: ClassicalSolution) -> None:
    layers[0].set_weights([found.mean, found.deviation])
    layers[-1].set_weights([found.head.kernel, found.head.bias])
    if len(layers) > 2:
        layers[1].set_weights(list(found.head.between))


def _answer(layers: Sequence[keras.layers.Layer], features: np.ndarray) -> np.ndarray:
    """Logits (N, outputs) of features (N, C), by the layers as they are served."""
    found = []
    for start in range(0, len(features), BATCH):
        rows = keras.ops.convert_to_tensor(features[start : start + BATCH])
        for layer in layers:
            rows = layer(rows)
        found.append(keras.ops.convert_to_numpy(rows))
    return np.concatenate(found)
