"""Preparation of a run: model, data, head, schedule and strategy, before anything is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.examples import WARNING, Splits
from kzoo.data.modalities import MODALITIES, has_parts, modality_for
from kzoo.data.own_augmentation import check_own, own_of, with_own_augmentation
from kzoo.data.seams import Modality, Preprocessor
from kzoo.data.sources.reading import read_source
from kzoo.data.tasks.draws import draws_of
from kzoo.data.tasks.joint_reading import read_any
from kzoo.evaluation.user_metrics import resolve_metrics
from kzoo.models.assembly import Assembled, assemble
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.weights import digest_of
from kzoo.models.zoo.tfidf import TfidfEmbedding
from kzoo.results.record import describe_task
from kzoo.setup.arguments import (
    as_size,
    check_head,
    check_phase,
    check_resize,
    notes_on_batches,
    notes_on_mixing,
    notes_on_weighing,
    without_presets,
)
from kzoo.setup.auto_model import choose_model, choose_models, guess_modality, unread_scripts
from kzoo.setup.chosen_schedule import choose_schedule
from kzoo.setup.model import FusedSource, fit_source
from kzoo.setup.model_source import ModelLike, source_of
from kzoo.setup.options.monitor_choice import check_monitor
from kzoo.setup.options.optimizer_choice import with_described_optimizer
from kzoo.setup.sequence.kept_tasks import KeptTasks, kept_tasks
from kzoo.specs.head import Head, as_head
from kzoo.specs.recipes import auto
from kzoo.specs.records.seen import Seen
from kzoo.specs.records.task_record import TaskRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import MultiTask, as_tasks
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.losses import resolve_loss
from kzoo.training.strategies import get_strategy


@dataclass(frozen=True)
class Prepared:
    """All that `kzoo.plan` and `kzoo.adapt` share.

    Args:
        kind: of the task, or tasks.
        source: the backbone, its card and weights.
        splits: the data, checked and split.
        head: description of the head.
        preprocessor: raw images or texts to the backbone's input.
        assembled: backbone and head, built.
        schedule: the phases.
        options: how it is trained, apart from the schedule.
        strategy: where it runs.
        start: SHA-256 of the backbone's weights before anything is trained.
        seen: what these weights, and a teacher's, have seen: no such example is tested on.
        record: of the task, or tasks.
        kept: earlier tasks of the model, if they are remembered.
        draws: how often gradient steps take each training example, see `kzoo.data.tasks.draws`; None: each once an
            epoch.
    """

    kind: TaskKind
    source: BackboneSource
    splits: Splits
    head: Head
    preprocessor: Preprocessor
    assembled: Assembled
    schedule: Schedule
    options: TrainingOptions
    strategy: tf.distribute.Strategy
    start: str
    seen: Seen
    record: TaskRecord
    kept: KeptTasks | None = None
    draws: np.ndarray | None = None

    @property
    def sparse(self) -> TfidfEmbedding | None:
        """The layer in whose table a linear probe is solved, where its weights are random; else None."""
        return self.assembled.sparse if self.source.weights_name is None else None


def prepare(
    model: ModelLike,
    task: object,
    *,
    options: TrainingOptions,
    weights: str | Path | None,
    head: str | Head | None,
    size: int | None,
    resize: str | None,
    strategy: str | tf.distribute.Strategy,
    seed: int | None,
    scaling: str | None = None,
    remember: str | None = None,
    splits: Splits | None = None,
    recipe: Callable[..., Schedule] = auto,
    seen: Seen | None = None,
) -> Prepared:
    """Finds the model, reads and checks the data, and builds; `options` and the others are arguments of `kzoo.adapt`.

    With `splits`, these are the data, whatever the task says; `recipe` makes the schedule that is ``"auto"``; `seen`
    is what a teacher has seen, beside the start weights; without `seed`, no global seed is set.
    """
    options = with_own_augmentation(with_described_optimizer(options))
    changing = {"head": head, "size": size, "resize": resize, "scaling": scaling}
    refused = [name for name, value in changing.items() if value is not None]
    kept = kept_tasks(model, remember, refused=refused if weights == "auto" else [*refused, "weights"])
    task = as_tasks(task)
    first = task.first if isinstance(task, MultiTask) else task
    size, asked = as_size(size), as_head(head)
    known = next(iter(splits.train.columns)) if splits else None
    raw, choice = None, ""
    if isinstance(model, str) and model == "auto":
        guessed = known or guess_modality(first)
        # Read once: what the model is chosen by is split afterwards.
        if splits is None:
            raw = read_source(first, MODALITIES[guessed])
            examples = next(iter(raw.splits.values()))
        else:
            examples = splits.train
        column = examples.columns[guessed]
        several = MODALITIES[guessed].choose is not None
        model, choice = choose_models(column, size=size) if several else choose_model(guessed, column, size=size)
    source = source_of(kept.earlier if kept else model, weights=weights, scaling=scaling)
    if isinstance(source, FusedSource) and has_parts(first):
        source = dataclasses.replace(source, reads_parts=True)
    modality = modality_for(source.card, first, known=known)
    check_resize(modality, resize)
    chosen = get_strategy(strategy)
    replaced = source.check(size or source.card.size)
    seen = source.seen | (seen or Seen())
    if splits is None:
        splits, kind = read_any(task, modality.name, seen=seen, raw=raw)
    else:
        kind = get_task_kind(first.kind)
    record = describe_task(task)
    if kept:
        splits, kind, record = kept.join(splits, kind, task, seed=seed or 0)
    head = kept.earlier.head if kept else asked.for_examples(len(splits.train), validation=len(splits.validation))
    if isinstance(source, FusedSource) and source.reads_parts:
        source = dataclasses.replace(source, levels=head.levels == "all")
        head = dataclasses.replace(head, levels="last")
        asked = dataclasses.replace(asked, levels="auto")
    column = splits.train.columns[modality.name]
    resize = resize or "crop"
    fitted, preprocessor, notes = fit_source(source, modality, column, size=size, resize=resize)
    if kept:
        # Fitted all the same: it refuses what the backbone does not take.
        preprocessor, notes = kept.earlier.preprocessor, list[str]()
    else:
        source = fitted
    options = without_presets(options, modality)
    if own := own_of(options):
        check_own(own, modality, column, preprocessor)
    notes = [
        *splits.audit.notes,
        *([choice] if choice else _scripts(source, modality, column)),
        *source.notes,
        *replaced,
        *notes,
    ]
    if seed is not None:
        keras.utils.set_random_seed(seed)
    source = source.for_outputs(len(splits.labels))
    with chosen.scope():
        backbone = source.build(preprocessor.shape)
        start = digest_of(backbone.get_weights())
        assembled = assemble(backbone, head=head, outputs=len(splits.labels), stages=source.stages(backbone))
    if kept:
        kept.put_head_in(assembled)
    check_head(asked, backbone, assembled, kind=kind)
    if head.classical and source.card.is_sparse and source.weights_name is None:
        raise ValueError(
            f"{source.card.name!r} without weights is solved as a whole, with TF-IDF of the data as its features. Head("
            f"kind={head.kind!r}) needs a backbone whose features are there: leave head= out, or use another backbone."
        )
    made = partial(recipe, source.card, examples=len(splits.train), weights=source.weights_name is not None)
    options = _resolved(options, kind=kind, outputs=len(splits.labels))
    if options.monitor is not None and not len(splits.validation):
        raise ValueError("monitor= needs a validation split, and validation=0 leaves none. Leave one of them out.")
    wanted, picked = choose_schedule(options, head, made, replicas=chosen.num_replicas_in_sync)
    for phase in picked.phases:
        check_phase(phase, assembled, kind=kind, examples=len(splits.train), strategy=chosen, options=options)
    notes += notes_on_batches(wanted, picked, examples=len(splits.train), strategy=chosen)
    notes += notes_on_mixing(picked, modality, kind=kind)
    if isinstance(task, MultiTask):
        notes += notes_on_weighing(task, picked, validation=len(splits.validation))
    splits = dataclasses.replace(splits, audit=dataclasses.replace(splits.audit, notes=notes))
    return Prepared(
        kind=kind,
        source=source,
        splits=splits,
        head=head,
        preprocessor=preprocessor,
        assembled=assembled,
        schedule=picked,
        options=options,
        strategy=chosen,
        start=start,
        seen=seen,
        record=record,
        kept=kept,
        draws=draws_of(task, kind, splits.train.targets) if isinstance(task, MultiTask) else None,
    )


def _scripts(source: BackboneSource, modality: Modality, column: np.ndarray) -> list[str]:
    """A warning where the backbone was hardly trained on the scripts of the data; else nothing."""
    if modality.scripts is None or source.weights_name is None:
        return []
    unread = unread_scripts(source.card, modality.scripts(column))
    return [f"{WARNING}: {unread}; its features may say little about them"] if unread else []


def _resolved(options: TrainingOptions, *, kind: TaskKind, outputs: int) -> TrainingOptions:
    """The options with their loss and metrics as objects, all of them checked for this kind of task."""
    if kind.parts and (options.loss is not None or options.metrics or options.monitor not in (None, "loss")):
        raise ValueError(
            "loss=, metrics= and monitor= are of one task. Leave them out of a kzoo.MultiTask, whose weights= say how "
            "much the loss of each task counts, and with remember=."
        )
    check_monitor(options.monitor, kind=kind)
    loss = None if options.loss is None else resolve_loss(options.loss, kind=kind, outputs=outputs)
    metrics = resolve_metrics(options.metrics, kind=kind, outputs=outputs)
    return dataclasses.replace(options, loss=loss, metrics=metrics)
