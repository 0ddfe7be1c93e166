"""The prepared data as the training loop takes it, and the run of the loop on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import keras
import numpy as np

from kzoo.data.examples import Examples
from kzoo.data.file_changes import verify
from kzoo.data.modalities import MODALITIES
from kzoo.data.own_augmentation import OwnAugmentation, own_of
from kzoo.data.seams import Preprocessor
from kzoo.data.targets import weigh_classes
from kzoo.setup.options.monitor_choice import monitor_of
from kzoo.setup.prepare import Prepared
from kzoo.task_kinds.task_kind import Scale, TaskKind
from kzoo.training.feed import Feed, Split
from kzoo.training.loop import train
from kzoo.training.phase import PhaseResult
from kzoo.training.probes.part_probes import FeatureParts
from kzoo.training.resuming.run_directory import RunDirectory


def make_feed(
    prepared: Prepared, class_weight: str | Mapping[str, float] | None, seed: int, *, mixable: bool | None = None
) -> tuple[Feed, Scale | None]:
    """The data as the loop takes it; and mean and deviation of the targets, where it sees them standardised."""
    examples = prepared.splits.train, prepared.splits.validation
    kind, outputs = prepared.kind, len(prepared.splits.labels)
    kept = prepared.kept
    scale = target_scale(kind, examples[0].targets, kept=kept.outputs if kept else 0)
    scale = kept.scale(scale) if kept else scale
    if class_weight is not None and kind.parts:
        raise ValueError("class_weight= is of one task. Leave it out of a kzoo.MultiTask, and with remember=.")
    weights = weigh_classes(class_weight, examples[0].targets, labels=prepared.splits.labels)
    targets = tuple(training_rows(kind, each.targets, outputs, scale) for each in examples)
    own = own_of(prepared.options)
    feed = feed_of(prepared.preprocessor, examples, targets, kind=kind, seed=seed, mixable=mixable, own=own)
    monitor = monitor_of(prepared.options.monitor, kind=kind, scale=scale)
    joined = prepared.assembled.joined
    feed = dataclasses.replace(feed, class_weights=weights, loss=prepared.options.loss, monitor=monitor)
    parts = FeatureParts(joined.owners_of_features(), joined.parts) if joined else None
    kept_outputs = kept.outputs if kept else 0
    return dataclasses.replace(feed, parts=parts, kept=kept_outputs, draws=prepared.draws), scale


def target_scale(kind: TaskKind, targets: np.ndarray, *, kept: int = 0) -> Scale | None:
    """Mean and deviation of the training targets, where the loop sees them standardised; else None.

    Args:
        kind: of the task.
        targets: of training.
        kept: how many of the first outputs have a mean and a deviation of their own; here they have 0 and 1.
    """
    if not np.any(kind.standardises):
        return None
    if not kind.parts:
        return targets.mean(axis=0).tolist(), (targets.std(axis=0) + 1e-12).tolist()
    chosen = np.flatnonzero(kind.standardises)
    chosen = chosen[chosen >= kept]
    mean, deviation = np.zeros(targets.shape[1]), np.ones(targets.shape[1])
    mean[chosen] = np.nanmean(targets[:, chosen], axis=0)
    deviation[chosen] = np.nanstd(targets[:, chosen], axis=0) + 1e-12
    return mean.tolist(), deviation.tolist()


def training_rows(kind: TaskKind, targets: np.ndarray, outputs: int, scale: Scale | None) -> np.ndarray:
    """Targets as the loop sees them, float32 (N, outputs), standardised by `target_scale`."""
    rows = kind.as_rows(targets, outputs)
    return ((rows - scale[0]) / scale[1]).astype(np.float32) if scale else rows


def train_prepared(
    prepared: Prepared,
    feed: Feed,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    precision: str | None = None,
    directory: RunDirectory | None = None,
) -> list[PhaseResult]:
    """Runs the schedule of what was prepared; see `kzoo.training.loop.train`."""
    return train(
        prepared.assembled.model,
        groups=prepared.assembled.groups,
        cuts=prepared.assembled.cuts,
        feed=feed,
        schedule=prepared.schedule,
        strategy=prepared.strategy,
        callbacks=callbacks,
        precision=precision,
        sparse=prepared.sparse,
        classical=prepared.head.kind if prepared.head.classical else None,
        directory=directory,
    )


def feed_of(
    preprocessor: Preprocessor,
    examples: Sequence[Examples],
    targets: Sequence[np.ndarray],
    *,
    kind: TaskKind,
    seed: int,
    mixable: bool | None = None,
    own: OwnAugmentation | None = None,
) -> Feed:
    """Examples to train and to choose on, read by a preprocessor, as the loop takes them.

    Args:
        preprocessor: of the backbone.
        examples: of training and of validation.
        targets: of both, float32 (N, outputs).
        kind: of the task.
        seed: of the run; the same seed gives the same versions, whatever the preprocessor.
        mixable: whether examples may be mixed; None: as the kind says.
        own: an augmentation of the user's.
    """
    modality = MODALITIES[preprocessor.modality]
    train, held = (
        modality.reader(
            each.columns[modality.name],
            preprocessor,
            digests=each.digests,
            seed=seed,
            mixable=kind.has_labels if mixable is None else mixable,
            own=own,
        )
        for each in examples
    )
    parts = (
        Split(
            reader.load,
            reader.finish,
            each.digests,
            rows,
            partial(verify, each),
            groups=each.groups,
            names=each.names,
        )
        for reader, each, rows in zip((train, held), examples, targets, strict=True)
    )
    return Feed(
        *parts,
        key=train.key,
        mixes=train.mixes,
        class_weights=None,
        kind=kind,
        seed=seed,
    )
