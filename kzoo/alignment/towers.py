"""Towers: a backbone with a projection into the common space, frozen or tuned."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kzoo.alignment.projections import Features, Projection, Solution
from kzoo.core.progress import ProgressBar
from kzoo.core.tensors import Tensor
from kzoo.data.multimodal.pairs import Side
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.heads import Standardize
from kzoo.results.alignment.similarity import contrastive_loss, matches_of, numbers_of
from kzoo.setup.feeds import feed_of, train_prepared
from kzoo.setup.frozen_features import frozen_features, prepare_candidate
from kzoo.setup.prepare import Prepared, prepare
from kzoo.setup.run_identity import run_directory
from kzoo.specs.card import BackboneSpec
from kzoo.specs.head import Head
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import auto
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Regression
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.losses import CallableLoss
from kzoo.training.phase import PhaseResult
from kzoo.training.selection import phase_to_keep

MOST_AT_ONCE = 128
"""Examples a step of a tower that is tuned: each is told from all others of its batch."""

HEAD = Head(levels="last", dropout=0.0)
"""The output alone: means of lower layers helped neither retrieval nor classes of other data sets."""

PARTS = ("train", "validation")

MOST_WATCHED = 2_000
"""Validation pairs that are looked at after each epoch."""


@dataclass(frozen=True)
class Tower:
    """A backbone that is to get a projection.

    Args:
        side: its input of the pairs.
        prepared: backbone and data.
        train: frozen features of the training pairs, float32 (N, C).
        validation: of the validation pairs.
        seconds: that they took.
    """

    side: Side
    prepared: Prepared
    train: np.ndarray = field(repr=False)
    validation: np.ndarray = field(repr=False)
    seconds: float

    @classmethod
    def of(cls, source: BackboneSource, side: Side, *, seed: int, bar: ProgressBar) -> Tower:
        """A backbone with the features of its input."""
        started = time.perf_counter()
        prepared = prepare_candidate(source, Regression(None), side.splits, seed=seed, head=HEAD)
        found = frozen_features(prepared, seed=seed, bar=bar)
        size = len(side.splits.train)
        return cls(side, prepared, found[:size], found[size:], time.perf_counter() - started)

    def embed(self, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of the training and of the validation pairs."""
        return projection(self.train), projection(self.validation)

    def network(self, projection: Projection) -> keras.Model:
        """From the backbone's input to embeddings of unit length, (B, width)."""
        standard = _standard(self.prepared)
        standard.set_weights([projection.mean, projection.deviation])
        dense = keras.layers.Dense(projection.kernel.shape[1], use_bias=False, dtype="float32", name="projection")
        model = _with_unit_length(self.prepared.assembled.model, dense(standard.output))
        dense.set_weights([projection.kernel])
        return model


def features_of(towers: Sequence[Tower], split: str) -> Features:
    """The features of both sides of the pairs of ``"train"`` or ``"validation"``."""
    first, second = (getattr(tower, split) for tower in towers)
    numbers = [numbers_of(getattr(tower.side.splits, split).digests) for tower in towers]
    return Features((first, second), (numbers[0], numbers[1]))


@dataclass(frozen=True)
class TunedTower:
    """The result of tuning a tower.

    Args:
        network: from the backbone's input to embeddings of unit length.
        results: of each phase.
        loss: on validation, in nats, of the weights that were kept; None: all phases diverged.
    """

    network: keras.Model
    results: Sequence[PhaseResult]
    loss: float | None

    def is_kept(self, solution: Solution) -> bool:
        """Whether it is better on validation than the closed solution that it started from."""
        return self.loss is not None and self.loss < solution.loss


def tune_tower(
    tower: Tower,
    locked: Tower,
    solution: Solution,
    *,
    place: int,
    source: BackboneSource,
    schedule: str | Schedule | Phase | Sequence[Phase],
    weights: str | Path | None,
    strategy: str | tf.distribute.Strategy,
    directory: str | Path | None,
    seed: int,
) -> TunedTower:
    """Trains a tower, from its projection, towards the embeddings of the locked one (LiT, arXiv:2111.07991).

    Args:
        tower: the one to train.
        locked: the other, whose embeddings stay.
        solution: the projections of both.
        place: of `tower` among them, 0 or 1.
        source: the backbone of `tower`.
        schedule: what trains, for how long; ``"auto"``: what `kzoo.adapt` tunes after its probe.
        weights: as of `kzoo.adapt`.
        strategy: likewise.
        directory: where the run keeps how far it is, likewise.
        seed: of the order of examples.

    Raises:
        ValueError: the schedule takes no gradient steps.
    """
    projection, wanted = solution.projections[place], locked.embed(solution.projections[1 - place])
    width = projection.kernel.shape[1]
    splits = tower.side.splits
    prepared = prepare(
        source,
        Regression(None),
        options=TrainingOptions(schedule=schedule),
        weights=weights,
        head=HEAD,
        size=tower.prepared.preprocessor.size,
        resize=None,
        strategy=strategy,
        seed=seed,
        splits=dataclasses.replace(splits, labels=[f"dimension {place}" for place in range(width)]),
        recipe=_recipe,
    )
    if not all(phase.takes_steps for phase in prepared.schedule.phases):
        raise ValueError(
            "The schedule of a tower that is trained must take gradient steps: its projection is solved before. Leave "
            f"kzoo.LinearProbe() out. Got {prepared.schedule.name!r}."
        )
    standard, dense = _standard(prepared), prepared.assembled.groups["head"][-1]
    standard.set_weights([projection.mean, projection.deviation])
    dense.set_weights([projection.kernel, np.zeros(width)])
    examples = (splits.train, splits.validation)
    feed = feed_of(prepared.preprocessor, examples, wanted, kind=REGRESSION, seed=seed, mixable=False)
    sides = [each.side.splits.validation.digests[:MOST_WATCHED] for each in (tower, locked)]
    matches = matches_of(*map(numbers_of, sides))

    def monitor(targets: np.ndarray, outputs: np.ndarray) -> float:
        own = outputs[:MOST_WATCHED]
        own = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        return -contrastive_loss(own @ targets[:MOST_WATCHED].T, matches, solution.scale)

    loss = CallableLoss(Contrastive(solution.scale), name="contrastive")
    model = prepared.assembled.model
    network = _with_unit_length(model, model.output)
    own = locked.side.splits
    more = {"locked weights": locked.prepared.start, "locked data": [own.fingerprint(part) for part in PARTS]}
    try:
        with run_directory(directory, prepared, verb="align", seed=seed, more=more) as kept:
            results = train_prepared(prepared, dataclasses.replace(feed, loss=loss, monitor=monitor), directory=kept)
    except FloatingPointError:
        return TunedTower(network, [], None)
    best = results[phase_to_keep([result.state for result in results])]
    model.set_weights(best.weights)
    return TunedTower(network, results, -best.scores["val_monitor"])


@dataclass(frozen=True)
class Contrastive:
    """The loss of CLIP (arXiv:2103.00020) with one side that stays, in nats, the mean over both directions.

    Args:
        scale: factor of the cosines.
    """

    scale: float

    def __call__(self, truth: Tensor, outputs: Tensor) -> Tensor:
        """Loss (B,) of the locked embeddings, of unit length, and outputs, (B, width) each."""
        own = outputs / ops.sqrt(ops.sum(outputs**2, axis=1, keepdims=True) + 1e-12)
        logits = self.scale * ops.matmul(own, ops.transpose(truth))
        # Equal embeddings are of equal contents.
        right = ops.where(ops.matmul(truth, ops.transpose(truth)) > 1 - 1e-5, logits, -1e9)
        rows = ops.logsumexp(logits, axis=1) - ops.logsumexp(right, axis=1)
        columns = ops.logsumexp(logits, axis=0) - ops.logsumexp(right, axis=0)
        return (rows + columns) / 2


def _standard(prepared: Prepared) -> Standardize:
    return next(layer for layer in prepared.assembled.groups["head"] if isinstance(layer, Standardize))


def _with_unit_length(model: keras.Model, output: Tensor) -> keras.Model:
    unit = keras.layers.UnitNormalization(dtype="float32", name="aligned")(output)
    return keras.Model(model.input, unit, name=model.name)


def _recipe(card: BackboneSpec, *, examples: int, weights: bool) -> Schedule:
    """The tuning phases of `auto`, with larger batches: each example is told from the others of its batch."""
    steps = [phase for phase in auto(card, examples=examples, weights=weights).phases if isinstance(phase, Phase)]
    steps = steps or [Phase("last:1", epochs=12, learning_rate=3e-4)]
    batch = min(MOST_AT_ONCE, max(examples // 4, 2))
    return Schedule(tuple(dataclasses.replace(each, batch_size=batch) for each in steps), name="auto")
