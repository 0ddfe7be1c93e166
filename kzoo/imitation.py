"""Imitation: a student's backbone learns to have a teacher's features (arXiv:1412.6550)."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kzoo.adapted import Adapted
from kzoo.data.examples import Examples, Splits
from kzoo.data.modalities import MODALITIES, modality_for
from kzoo.data.splits import read
from kzoo.data.unlabelled import read_unlabelled
from kzoo.models.heads import pool
from kzoo.preparation import feed_of, prepare, source_of
from kzoo.pretrained import Pretrained
from kzoo.specs.head import Head
from kzoo.specs.recipes import imitate
from kzoo.specs.schedule import Phase, Schedule
from kzoo.specs.task import Regression, Task
from kzoo.teaching import Teacher, listen, task_of, train_taught
from kzoo.training.losses import Imitation

HELD = 0.05
"""Share of unlabelled examples that a student's features are chosen on."""

MOST_HELD = 1_000


def imitate_features(
    teacher: Any,
    student: Any,
    data: Any,
    *,
    schedule: str | Schedule | Phase,
    weights: str | Path | None,
    seed: int,
    **options: Any,
) -> Pretrained:
    """The student's backbone, trained to have the teacher's features; see `kzoo.distillation.distill`."""
    started = time.perf_counter()
    train_part, held, task = _unlabelled(teacher, data, seed)
    splits = Splits(train_part, held, held, labels=[])
    master = _teacher_of_features(teacher, task, splits)
    if schedule == "auto":
        source = source_of(student, weights=weights)
        schedule = imitate(source.card, examples=len(train_part), weights=source.weights_name is not None)
    made = schedule if isinstance(schedule, Schedule | str) else Schedule((schedule,))
    width = master.model.output_shape[-1]
    prepared = prepare(
        student,
        task,
        schedule=made,
        augmentation=None,
        weights=weights,
        head=Head(levels="last", dropout=0.0),
        splits=dataclasses.replace(splits, labels=[f"feature {number}" for number in range(width)]),
        **options,
        seed=seed,
    )
    if any(phase.optimizer == "lbfgs" for phase in prepared.schedule.phases):
        raise ValueError("A schedule for features takes gradient steps: give phases without optimizer='lbfgs'.")
    said = listen(master, splits, prepared.schedule, seed=seed)
    every = next(iter(said.train.values()))
    mean, deviation = every.mean(axis=(0, 1)), every.std(axis=(0, 1)) + 1e-6
    taught = {name: (values - mean) / deviation for name, values in said.train.items()}
    targets = ((every[:, 0] - mean) / deviation, (said.held - mean) / deviation)
    feed = feed_of(prepared.preprocessor, (train_part, held), targets, kind="regression", seed=seed, mixable=False)
    results = train_taught(prepared, feed, taught, Imitation())
    network, card = prepared.assembled.model, prepared.source.card
    features = network.get_layer(prepared.assembled.features).output
    backbone = keras.Model(network.input, features, name=card.name)
    name = teacher.card.name if isinstance(teacher, Adapted) else source_of(teacher, weights="auto").card.name
    record = {
        "objective": "distillation of features",
        "teacher": name,
        "examples": len(train_part),
        "views": max(values.shape[1] for values in taught.values()),
        "epochs": sum(len(result.history) for result in results),
        "unexplained_variance": round(results[-1].scores["val_loss"], 4),
        "start": prepared.source.weights_name,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
    }
    own = dataclasses.replace(card, name=f"{card.name}_of_{name}", weights=(), width=backbone.output_shape[-1])
    return Pretrained(own, backbone, record)


def _unlabelled(teacher: Any, data: Any, seed: int) -> tuple[Examples, Examples, Task]:
    """Examples to imitate a teacher on, others to choose on, and the task that says what they are."""
    if data is None or isinstance(data, Task):
        splits = teacher.splits() if data is None else read(data, _modality_of(teacher, data))
        task = data or task_of(teacher)
        return splits.train, splits.validation, task
    examples, _ = read_unlabelled(data, _modality_of(teacher, None))
    if len(examples) < 10:
        raise ValueError(f"To imitate a teacher takes 10 examples or more. Got {len(examples)}.")
    order = np.random.default_rng(seed).permutation(len(examples))
    count = min(max(round(HELD * len(examples)), 1), MOST_HELD)
    held, kept = (examples.take(np.sort(part)) for part in (order[:count], order[count:]))
    return kept, held, Regression(data)


def _modality_of(teacher: Any, task: Task | None) -> str:
    if isinstance(teacher, Adapted):
        return teacher.preprocessor.modality
    card = source_of(teacher, weights="auto").card
    return modality_for(card, task).name if task else card.modality


def _teacher_of_features(teacher: Any, task: Task, splits: Splits) -> Teacher:
    if isinstance(teacher, Adapted):
        return Teacher(teacher.embedding, teacher.preprocessor)
    source = source_of(teacher, weights="auto")
    modality = modality_for(source.card, task)
    column = splits.train.columns[modality.name]
    options: dict[str, Any] = {"size": None, "resize": "crop", "channels": source.channels}
    preprocessor, _ = MODALITIES[modality.name].fit(source.card, column, **options)
    source.check(preprocessor.size)
    backbone = source.build(preprocessor.shape)
    return Teacher(keras.Model(backbone.input, pool(backbone.output, "avg", name="teacher")), preprocessor)
