"""Frozen features of a candidate, from the activations that `kzoo.adapt` keeps too."""

from __future__ import annotations

import time

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.calling import compiled
from kzoo.core.graph.folding import fold
from kzoo.core.progress import ProgressBar
from kzoo.data.examples import Splits
from kzoo.models.backbone_source import BackboneSource
from kzoo.setup.feeds import make_feed
from kzoo.setup.prepare import Prepared, prepare
from kzoo.specs.head import Head
from kzoo.specs.phases import AnyPhase, LinearProbe
from kzoo.specs.training_options import TrainingOptions
from kzoo.training.cache.activations import Activations
from kzoo.training.feed import Feed
from kzoo.training.freezing import set_trainable
from kzoo.training.probes.probe_phase import cached_features

TIMED = 8
"""Examples of the batch that is timed."""


def prepare_candidate(
    source: BackboneSource, task: object, splits: Splits, *, seed: int, head: Head | None = None
) -> Prepared:
    """A candidate as `kzoo.adapt` prepares it with the schedule of a linear probe, and its defaults otherwise."""
    return prepare(
        source,
        task,
        options=TrainingOptions(schedule=LinearProbe()),
        weights="auto",
        head=head,
        size=None,
        resize=None,
        strategy="one",
        seed=seed,
        splits=splits,
    )


def frozen_features(prepared: Prepared, *, seed: int, bar: ProgressBar) -> np.ndarray:
    """Features that a linear head takes, float32 (N, C): of the training examples, then of the validation examples.

    Args:
        prepared: a candidate with the schedule of a linear probe.
        seed: of the run.
        bar: progress, in examples that are computed.

    Raises:
        ValueError: the model has no features before it is trained.
    """
    if prepared.sparse is not None:
        raise ValueError(f"{prepared.source.card.name} has no frozen features: it is fitted to the data as a whole")
    feed, _ = make_feed(prepared, None, seed)
    (phase,) = prepared.schedule.phases
    activations = head_activations(prepared, feed, phase, bar=bar)
    features = np.concatenate([each for each in cached_features(phase, activations) if each is not None])
    if not np.isfinite(features).all():
        raise ValueError(f"features of {prepared.source.card.name} are not finite")
    return features


def head_activations(
    prepared: Prepared, feed: Feed, phase: AnyPhase, *, bar: ProgressBar, exact: bool = False
) -> Activations:
    """The activations that enter the head in a phase, computed or read from the cache.

    Args:
        prepared: a run.
        feed: its data.
        phase: trains the head alone.
        bar: progress, in examples that are computed.
        exact: see `Activations`.
    """
    groups = prepared.assembled.groups
    # What is frozen is part of what the activations are known by.
    set_trainable(groups, phase.groups(list(groups)), batch_norm=phase.batch_norm)
    activations = Activations(prepared.assembled.model, prepared.assembled.cuts, feed, fold, exact=exact)
    activations.fill([phase], bar=bar)
    return activations


def trunk_of(prepared: Prepared) -> keras.Model:
    """The part of a candidate that is frozen, from its input to its features."""
    assembled = prepared.assembled
    return keras.Model(assembled.model.input, list(assembled.cuts["head"]), name="trunk")


def milliseconds_of(trunk: keras.Model) -> float:
    """The time that the trunk takes for an example, in a batch of `TIMED`, in milliseconds: the best of three."""
    call = compiled(fold(trunk))
    shapes = [[int(side) if side else 1 for side in tensor.shape[1:]] for tensor in trunk.inputs]
    inputs = [tf.zeros((TIMED, *shape), tensor.dtype) for shape, tensor in zip(shapes, trunk.inputs, strict=True)]
    times: list[float] = []
    for _ in range(4):
        started = time.perf_counter()
        call(*inputs)[0].numpy()
        times.append(time.perf_counter() - started)
    return 1000 * min(times[1:]) / TIMED
