"""Distillation of features: a student's backbone learns to give a teacher's features (arXiv:1412.6550)."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kzoo.data.examples import Examples, Splits
from kzoo.data.modalities import MODALITIES, modality_for
from kzoo.data.sources.unlabelled import read_unlabelled
from kzoo.data.splits import exclude, read
from kzoo.distillation.teacher import Teacher, listen, task_of, train_taught
from kzoo.models.backbones import Source
from kzoo.models.heads import pool
from kzoo.results.adapted import Adapted
from kzoo.results.pretrained import Pretrained, own_card
from kzoo.setup.model import FusedSource
from kzoo.setup.prepare import feed_of, prepare
from kzoo.specs.card import scope_of
from kzoo.specs.head import Head
from kzoo.specs.phases import Phase
from kzoo.specs.recipes import imitate
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.schedule import Schedule
from kzoo.specs.seen import Seen
from kzoo.specs.task import Regression, Task
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.losses import Distillation

HELD = 0.05
"""Share of unlabelled examples that a student's features are chosen on."""

MOST_HELD = 1_000


@dataclass(frozen=True)
class DistillationData:
    """Examples to imitate a teacher on, others to choose on, and the task that says what they are."""

    train: Examples
    held: Examples
    task: Task

    def seen(self) -> Seen:
        """What weights that imitate on it have seen."""
        return Seen.of(unlabelled=self.train.digests, chosen=self.held.digests)


def imitate_features(
    teacher: Adapted | Source | FusedSource,
    student: Any,
    lesson: DistillationData,
    *,
    schedule: str | Schedule | Phase,
    weights: str | Path | None,
    seed: int,
    **options: Any,
) -> Pretrained:
    """The student's backbone, trained to have the teacher's features; see `kzoo.distillation.distill.distill`."""
    started = time.perf_counter()
    splits = Splits(lesson.train, lesson.held, lesson.held, labels=[])
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
        **options,
    )
    if not all(phase.takes_steps for phase in prepared.schedule.phases):
        raise ValueError("A schedule for features must take gradient steps: leave kzoo.LinearProbe() out.")
    said = listen(master, splits, prepared.schedule, seed=seed)
    every = next(iter(said.train.values()))
    mean, deviation = every.mean(axis=(0, 1)), every.std(axis=(0, 1)) + 1e-6
    taught = {name: (values - mean) / deviation for name, values in said.train.items()}
    targets = ((every[:, 0] - mean) / deviation, (said.held - mean) / deviation)
    feed = feed_of(
        prepared.preprocessor, (lesson.train, lesson.held), targets, kind=REGRESSION, seed=seed, mixable=False
    )
    results = train_taught(prepared, feed, taught, Distillation(REGRESSION.name, alpha=0.0))
    # The weights that training left: those of the last phase that kept any.
    last = next(result for result in reversed(results) if result.state)
    network, card = prepared.assembled.model, prepared.source.card
    features = network.get_layer(prepared.assembled.features).output
    backbone = keras.Model(network.input, features, name=scope_of(card.name))
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
    own = own_card(backbone, card, name=f"{card.name}_of_{teacher.card.name}", size=prepared.preprocessor.size)
    return Pretrained(own, backbone, record)


def lesson_of(teacher: Adapted | Source | FusedSource, data: Any, *, seen: Seen, seed: int) -> DistillationData:
    """What a student imitates its teacher on.

    Args:
        teacher: an adapted model or a backbone.
        data: None for the teacher's own, a task, or unlabelled examples.
        seen: what teacher and student have seen: the student is selected on other examples, as far as there are any.
        seed: of what is kept to choose on, of unlabelled examples.
    """
    if data is None and isinstance(teacher, Adapted):
        splits = exclude(teacher.splits(), seen)
        return DistillationData(splits.train, splits.validation, task_of(teacher))
    if isinstance(data, Task):
        splits = read(data, _modality_of(teacher, data), seen=seen)
        return DistillationData(splits.train, splits.validation, data)
    examples, _ = read_unlabelled(data, _modality_of(teacher, None))
    if len(examples) < 10:
        raise ValueError(f"Distillation of features needs 10 examples or more. Got {len(examples)}.")
    order = np.random.default_rng(seed).permutation(len(examples))
    order = order[np.argsort(seen.sides(examples.digests)[order], kind="stable")]
    count = min(max(round(HELD * len(examples)), 1), MOST_HELD)
    held, kept = (examples.take(np.sort(part)) for part in (order[:count], order[count:]))
    return DistillationData(kept, held, Regression(data))


def _modality_of(teacher: Adapted | Source | FusedSource, task: Task | None) -> str:
    if isinstance(teacher, Adapted):
        return teacher.preprocessor.modality
    return modality_for(teacher.card, task).name if task else teacher.card.modality


def _teacher_of_features(teacher: Adapted | Source | FusedSource, lesson: DistillationData) -> Teacher:
    if isinstance(teacher, Adapted):
        return Teacher(teacher.embedding, teacher.preprocessor)
    modality = modality_for(teacher.card, lesson.task)
    column = lesson.train.columns[modality.name]
    options: dict[str, Any] = {"size": None, "resize": "crop", "channels": teacher.channels}
    preprocessor, _ = MODALITIES[modality.name].fit(teacher.card, column, **options)
    teacher.check(preprocessor.size)
    backbone = teacher.build(preprocessor.shape)
    return Teacher(keras.Model(backbone.input, pool(backbone.output, "avg", name="teacher")), preprocessor)
