"""Distillation: a student learns what a teacher says; `distill`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from kzoo.adapted import Adapted
from kzoo.conclusion import conclude
from kzoo.data.examples import Audit, Examples, Splits
from kzoo.data.modalities import MODALITIES, modality_for
from kzoo.data.splits import read
from kzoo.data.unlabelled import read_unlabelled
from kzoo.models.folding import fold
from kzoo.models.heads import pool
from kzoo.preparation import Prepared, feed_of, make_feed, prepare, source_of
from kzoo.pretrained import Pretrained
from kzoo.rereading import task_like
from kzoo.specs.head import Head
from kzoo.specs.recipes import auto, imitate
from kzoo.specs.schedule import Phase, Schedule
from kzoo.specs.task import Regression, Task
from kzoo.training.activations import Activations
from kzoo.training.feed import Feed
from kzoo.training.holding import views_of
from kzoo.training.loop import train
from kzoo.training.losses import Distillation, Imitation

WHATS = ("logits", "features", "both")

HELD = 0.05
"""Share of unlabelled examples that a student's features are chosen on."""

MOST_HELD = 1_000


def distill(
    teacher: Any,
    student: Any,
    data: Any = None,
    *,
    what: str = "logits",
    temperature: float = 2.0,
    labels: float = 0.1,
    schedule: str | Schedule | Phase = "auto",
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str = "crop",
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Adapted | Pretrained:
    """Trains a student to say what a teacher says: a small model of nearly the quality of a large one.

    The teacher sees each version of each example once, before the student trains; what it says is kept like the
    activations of a frozen trunk, on the disk as well. Both see the same versions (arXiv:2106.05237).

    Args:
        teacher: an `Adapted`, an ensemble and a fusion's among them; for features also anything that `kzoo.adapt` takes
            as its model.
        student: anything that `kzoo.adapt` takes as its model.
        data: None for the teacher's own; a task, with the teacher's labels; or unlabelled examples: a folder of any
            depth, TFRecords, a table, arrays, a list. With these, choices are made and measured on the teacher's own
            splits.
        what: ``"logits"``: the teacher's probabilities at a temperature (arXiv:1503.02531); ``"features"``: the
            backbone's pooled features, by a linear layer from the student's (arXiv:1412.6550); ``"both"``: first the
            features, then the logits.
        temperature: in (0, inf).
        labels: share of the labels' own loss, in [0, 1]; without labels it is 0.
        schedule: as of `kzoo.adapt`; ``"auto"``: for a student with weights what `adapt` does; without, all of it from
            the start. Of ``"both"``, the second part.
        weights: of the student, as of `kzoo.adapt`.
        head: of the student.
        size: of the student's input, as of `kzoo.adapt`.
        resize: likewise.
        strategy: likewise.
        seed: likewise.

    Returns:
        The adapted student; for ``"features"`` its backbone, a `kzoo.Pretrained`.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        TypeError: the teacher has no logits, and is asked for some.
    """
    if what not in WHATS:
        raise ValueError(f"what must be one of {', '.join(WHATS)}. Got {what!r}.")
    if temperature <= 0 or not 0 <= labels <= 1:
        raise ValueError(f"temperature must be in (0, inf), labels in [0, 1]. Got {temperature} and {labels}.")
    if not isinstance(teacher, Adapted) and (what != "features" or data is None):
        raise TypeError(
            f"A teacher of logits, or of its own data, is what kzoo.adapt returned. Got {type(teacher).__name__}: pass "
            "what='features' and data."
        )
    student_options: dict[str, Any] = {"size": size, "resize": resize, "strategy": strategy, "seed": seed}
    if what != "logits":
        chosen = "auto" if what == "both" else schedule
        student = _distill_features(teacher, student, data, schedule=chosen, weights=weights, **student_options)
        if what == "features":
            return student
        weights = "auto"
    splits, labelled = _splits(teacher, data)
    share = labels if labelled else 0.0
    if schedule == "auto":
        schedule = _schedule(student, weights, examples=len(splits.train))
    task = (
        data if isinstance(data, Task) else task_like(teacher.record, teacher.record["task"]["data"], kind=teacher.kind)
    )
    prepared = prepare(
        student,
        task,
        schedule=schedule,
        augmentation=None,
        weights=weights,
        head=head,
        splits=splits,
        **student_options,
    )
    feed, scale = make_feed(prepared, None, seed, mixable=False)
    model = keras.Model(teacher.network.input, teacher.network.output, name=f"{teacher.card.name}_teacher")
    said = _listen(_Teacher(model, teacher.preprocessor), splits, prepared.schedule, seed=seed)

    def as_targets(logits: np.ndarray) -> np.ndarray:
        if scale is None:
            return logits
        return ((np.asarray(teacher.finish(logits)) - scale[0]) / scale[1]).astype(np.float32)

    taught = {name: as_targets(values) for name, values in said.train.items()}
    loss = Distillation(teacher.kind, temperature=temperature, labels=share)
    results = _train(prepared, feed, taught, loss)
    how = {"teacher": teacher.card.name, "what": what, "temperature": temperature, "labels": share}
    return conclude(prepared, results, scale=scale, seed=seed, distilled=how)


def _distill_features(
    teacher: Any,
    student: Any,
    data: Any,
    *,
    schedule: str | Schedule | Phase,
    weights: str | Path | None,
    seed: int,
    **options: Any,
) -> Pretrained:
    """The student's backbone, trained to have the teacher's features."""
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
    said = _listen(master, splits, prepared.schedule, seed=seed)
    every = next(iter(said.train.values()))
    mean, deviation = every.mean(axis=(0, 1)), every.std(axis=(0, 1)) + 1e-6
    taught = {name: (values - mean) / deviation for name, values in said.train.items()}
    targets = ((every[:, 0] - mean) / deviation, (said.held - mean) / deviation)
    feed = feed_of(prepared.preprocessor, (train_part, held), targets, kind="regression", seed=seed, mixable=False)
    results = _train(prepared, feed, taught, Imitation())
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


@dataclass(frozen=True)
class _Teacher:
    """A model from its scaled input to what is learned from it, (B, values), and how raw examples become its input."""

    model: keras.Model
    preprocessor: Any


@dataclass(frozen=True)
class _Said:
    """What a teacher says of each version, (N, V, values), by name of the augmentation; of validation (M, values)."""

    train: dict[str, np.ndarray]
    held: np.ndarray


def _listen(teacher: _Teacher, splits: Splits, schedule: Schedule, *, seed: int) -> _Said:
    """Runs the teacher over all versions that a schedule goes through, each once."""
    examples = (splits.train, splits.validation)
    empty = [np.zeros((len(each), 0), np.float32) for each in examples]
    feed = feed_of(teacher.preprocessor, examples, empty, kind="regression", seed=seed, mixable=False)
    activations = Activations(teacher.model, {"teacher": (teacher.model.output,)}, feed, fold)
    phases: dict[str, Phase] = {}
    for phase in schedule.phases:
        before = phases.get(phase.augmentation)
        if phase.optimizer != "lbfgs" and (before is None or views_of(before) < views_of(phase)):
            phases[phase.augmentation] = dataclasses.replace(phase, train="*")
    said, held = {}, np.zeros((0, 0))
    with tqdm(desc="the teacher", unit="example", total=0, leave=False) as bar:
        for augmentation, phase in phases.items():
            if activations.holding(phase).place == "nowhere":
                raise MemoryError("What the teacher says of all versions does not fit: give fewer examples, or views.")
            activations.fill([phase], bar=bar)
            rows = activations.train_rows(phase)
            said[augmentation] = np.stack([row.take(0, len(splits.train))[0] for row in rows], axis=1)
            held = np.concatenate([batch[0] for batch in activations.held_batches(phase)])
    return _Said(said, held)


def _train(prepared: Prepared, feed: Feed, taught: dict[str, np.ndarray], loss: keras.losses.Loss) -> Sequence[Any]:
    def within(phase: Phase) -> Phase:
        if phase.augmentation not in taught or phase.optimizer == "lbfgs":
            return phase
        return dataclasses.replace(phase, views=min(phase.views, taught[phase.augmentation].shape[1]))

    feed = dataclasses.replace(feed, train=dataclasses.replace(feed.train, taught=taught), loss=loss)
    return train(
        prepared.assembled.model,
        groups=prepared.assembled.groups,
        cuts=prepared.assembled.cuts,
        feed=feed,
        schedule=Schedule(tuple(map(within, prepared.schedule.phases)), name=prepared.schedule.name),
        fold=fold,
        strategy=prepared.strategy,
    )


def _schedule(student: Any, weights: str | Path | None, *, examples: int) -> Schedule:
    source = source_of(student, weights=weights)
    if source.weights_name is None:
        return imitate(source.card, examples=examples, weights=False)
    return auto(source.card, examples=examples, weights=True)


def _splits(teacher: Adapted, data: Any) -> tuple[Splits, bool]:
    """What the student learns from, is chosen on and measured on; and whether it has labels."""
    if data is None:
        return teacher.splits(), True
    if isinstance(data, Task):
        splits = read(data, teacher.preprocessor.modality)
        if data.kind != teacher.kind or list(splits.labels) != list(teacher.labels):
            raise ValueError(
                f"The teacher knows {teacher.kind} of {list(teacher.labels)}; the task has {data.kind} of "
                f"{list(splits.labels)}."
            )
        return splits, True
    own = teacher.splits()
    examples, audit = read_unlabelled(data, teacher.preprocessor.modality)
    known = {*own.validation.digests, *own.test.digests}
    keep = [index for index, digest in enumerate(examples.digests) if digest not in known]
    left = len(examples) - len(keep)
    notes = [*audit.notes, *([f"{left} examples left out: the teacher was chosen or tested on them"] if left else [])]
    if not keep:
        raise ValueError("All of the data is in the teacher's validation or test split: bring other data.")
    examples = examples.take(keep)
    said = teacher.outputs(examples)
    # What the teacher takes them for stands where labels would, for what needs some, like a probe.
    targets = {
        "classification": lambda: said.argmax(axis=1),
        "multi_label": lambda: (said > 0.5).astype(np.float32),
        "regression": lambda: said,
    }[teacher.kind]()
    train_part = dataclasses.replace(examples, targets=targets)
    return dataclasses.replace(own, train=train_part, audit=Audit(audit.set_aside, notes)), False


def _unlabelled(teacher: Any, data: Any, seed: int) -> tuple[Examples, Examples, Task]:
    """Examples to imitate a teacher on, others to choose on, and the task that says what they are."""
    if data is None or isinstance(data, Task):
        splits, _ = _splits(teacher, None) if data is None else (read(data, _modality_of(teacher, data)), True)
        task = data or _task_of(teacher)
        return splits.train, splits.validation, task
    examples, _ = read_unlabelled(data, _modality_of(teacher, None))
    if len(examples) < 10:
        raise ValueError(f"To imitate a teacher takes 10 examples or more. Got {len(examples)}.")
    order = np.random.default_rng(seed).permutation(len(examples))
    count = min(max(round(HELD * len(examples)), 1), MOST_HELD)
    held, kept = (examples.take(np.sort(part)) for part in (order[:count], order[count:]))
    return kept, held, Regression(data)


def _task_of(teacher: Adapted) -> Task:
    return task_like(teacher.record, teacher.record["task"]["data"], kind=teacher.kind)


def _modality_of(teacher: Any, task: Task | None) -> str:
    if isinstance(teacher, Adapted):
        return teacher.preprocessor.modality
    card = source_of(teacher, weights="auto").card
    return modality_for(card, task).name if task else card.modality


def _teacher_of_features(teacher: Any, task: Task, splits: Splits) -> _Teacher:
    if isinstance(teacher, Adapted):
        return _Teacher(teacher.embedding, teacher.preprocessor)
    source = source_of(teacher, weights="auto")
    modality = modality_for(source.card, task)
    column = splits.train.columns[modality.name]
    options: dict[str, Any] = {"size": None, "resize": "crop", "channels": source.channels}
    preprocessor, _ = MODALITIES[modality.name].fit(source.card, column, **options)
    source.check(preprocessor.size)
    backbone = source.build(preprocessor.shape)
    return _Teacher(keras.Model(backbone.input, pool(backbone.output, "avg", name="teacher")), preprocessor)
