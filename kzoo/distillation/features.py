"""Distillation of features: a student's backbone learns to give a teacher's features (arXiv:1412.6550)."""

from __future__ import annotations

import dataclasses
import logging
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.examples import Splits
from kzoo.data.modalities import MODALITIES, modality_for
from kzoo.distillation.student_data import DistillationData
from kzoo.distillation.teacher import Teacher, TeacherOutputs, listen, train_taught
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.heads import pool
from kzoo.results.adapted import Adapted
from kzoo.results.pretrained import Pretrained, own_card
from kzoo.setup.feeds import feed_of
from kzoo.setup.model_source import ModelLike
from kzoo.setup.prepare import Prepared, prepare
from kzoo.specs.card import scope_of
from kzoo.specs.head import Head
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import imitate
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.feed import Feed
from kzoo.training.losses import Distillation

LOG = logging.getLogger("kzoo")


def imitate_features(
    teacher: Adapted | BackboneSource,
    student: ModelLike,
    lesson: DistillationData,
    *,
    schedule: str | Schedule | Phase,
    weights: str | Path | None,
    seed: int,
    size: int | None = None,
    resize: str | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    directory: str | Path | None = None,
) -> Pretrained:
    """The student's backbone, trained to have the teacher's features; see `kzoo.distillation.distill.distill`."""
    started = time.perf_counter()
    splits = Splits(lesson.train, lesson.validation, lesson.validation, labels=[])
    master = _teacher_of_features(teacher, lesson)
    width = master.model.output_shape[-1]
    prepared = prepare(
        student,
        lesson.task,
        options=TrainingOptions(schedule=schedule),
        weights=weights,
        head=Head(levels="last", dropout=0.0),
        splits=dataclasses.replace(splits, labels=[f"feature {number}" for number in range(width)]),
        recipe=imitate,
        seed=seed,
        size=size,
        resize=resize,
        strategy=strategy,
    )
    if not all(phase.takes_steps for phase in prepared.schedule.phases):
        raise ValueError("A schedule for features must take gradient steps. Leave kzoo.LinearProbe() out.")
    taught, feed = _standardised(listen(master, splits, prepared.schedule, seed=seed), prepared, lesson, seed=seed)
    loss = Distillation(REGRESSION.name, alpha=0.0)
    results = train_taught(prepared, feed, taught, loss, teacher=master.model, directory=directory, seed=seed)
    # The weights that training left: those of the last phase that kept any.
    last = next(result for result in reversed(results) if result.state)
    record = PretrainedRecord(
        objective="distillation of features",
        teacher=teacher.card.name,
        examples=len(lesson.train),
        views=max(values.shape[1] for values in taught.values()),
        epochs=sum(len(result.history) for result in results),
        unexplained_variance=round(last.scores["val_loss"], 4) if last.scores else "not measured",
        stopped=results[-1].stopped or None,
        start=prepared.source.weights_name,
        seed=seed,
        seen=teacher.seen | prepared.seen | lesson.seen(),
        seconds=round(time.perf_counter() - started, 1),
    )
    return _backbone_of(prepared, record)


def _standardised(
    outputs: TeacherOutputs, prepared: Prepared, lesson: DistillationData, *, seed: int
) -> tuple[dict[str, np.ndarray], Feed]:
    """The teacher's features with mean 0 and deviation 1, by name of the augmentation; and the data with them."""
    every = next(iter(outputs.train.values()))
    mean, deviation = every.mean(axis=(0, 1)), every.std(axis=(0, 1)) + 1e-6
    taught = {name: (values - mean) / deviation for name, values in outputs.train.items()}
    targets = ((every[:, 0] - mean) / deviation, (outputs.validation - mean) / deviation)
    examples = (lesson.train, lesson.validation)
    return taught, feed_of(prepared.preprocessor, examples, targets, kind=REGRESSION, seed=seed, mixable=False)


def _backbone_of(prepared: Prepared, record: PretrainedRecord) -> Pretrained:
    """The trained backbone, without the layer that maps its features to the teacher's."""
    network, card = prepared.assembled.model, prepared.source.card
    features = network.get_layer(prepared.assembled.features).output
    backbone = keras.Model(network.input, features, name=scope_of(card.name))
    own = own_card(backbone, card, name=f"{card.name}_of_{record.teacher}", size=prepared.preprocessor.size)
    return Pretrained(own, backbone, record)


def _teacher_of_features(teacher: Adapted | BackboneSource, lesson: DistillationData) -> Teacher:
    if isinstance(teacher, Adapted):
        return Teacher(teacher.embedding, teacher.preprocessor)
    modality = modality_for(teacher.card, lesson.task)
    column = lesson.train.columns[modality.name]
    fit = MODALITIES[modality.name].fit
    preprocessor, _ = fit(teacher.card, column, size=None, resize="crop", channels=teacher.channels)
    for note in teacher.check(preprocessor.size):
        LOG.warning(note)
    backbone = teacher.build(preprocessor.shape)
    return Teacher(keras.Model(backbone.input, pool(backbone.output, "avg", name="teacher")), preprocessor)
