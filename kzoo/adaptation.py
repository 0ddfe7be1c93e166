"""The main job: `plan` says what would happen, `adapt` does it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.adapted import Adapted
from kzoo.data.batches import batches, view
from kzoo.data.examples import Examples, Splits
from kzoo.data.image import Preprocessor
from kzoo.data.splits import read
from kzoo.data.targets import weigh_classes
from kzoo.models.assembly import Assembled, assemble
from kzoo.models.backbones import Source, resolve
from kzoo.planning import Plan, lay_out
from kzoo.specs.head import Head
from kzoo.specs.recipes import RECIPES, auto
from kzoo.specs.registry import cards
from kzoo.specs.schedule import Phase, Schedule
from kzoo.specs.task import Task, as_task
from kzoo.training.activations import Feed
from kzoo.training.loop import PhaseResult, train
from kzoo.training.losses import rank_of
from kzoo.training.strategies import get_strategy


def plan(
    model: Any,
    task: Any,
    *,
    schedule: str | Schedule | Phase = "auto",
    augmentation: str | None = None,
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str = "crop",
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Plan:
    """What `adapt` would do with the same arguments: reads and checks the data, builds the model, trains nothing.

    Args: as of `adapt`.

    Returns:
        A record that prints splits, phases, parameters, steps and memory.
    """
    prepared = _prepare(
        model,
        task,
        schedule=schedule,
        augmentation=augmentation,
        weights=weights,
        head=head,
        size=size,
        resize=resize,
        strategy=strategy,
        seed=seed,
    )
    return lay_out(
        prepared.source.card,
        prepared.assembled,
        prepared.splits,
        prepared.schedule,
        preprocessor=prepared.preprocessor,
        weights=prepared.source.weights_name,
    )


def adapt(
    model: Any,
    task: Any,
    *,
    schedule: str | Schedule | Phase = "auto",
    augmentation: str | None = None,
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str = "crop",
    class_weight: str | Mapping[str, float] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    seed: int = 0,
) -> Adapted:
    """Trains a pretrained backbone on a task: a probe, then fine-tuning; keeps whichever is better on validation.

    Args:
        model: a name (`kzoo.list_models`), a card, a ``keras.Model``, an `Adapted`, or a path to a ``.keras`` file or
            to weights of a model of the catalog.
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification.
        schedule: ``"auto"`` (by number of examples and model size), the name of a recipe, a `kzoo.Schedule` or a
            `kzoo.Phase`.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``, instead of what the schedule says.
        weights: ``"imagenet"``, a path, or None for random ones; ``"auto"``: ImageNet's for a name, its own for a
            model.
        head: what goes on the backbone. None: average pooling, dropout 0.2 and a dense layer.
        size: height and width of the pictures, pixels. None: the card's native size.
        resize: ``"crop"``, ``"pad"`` or ``"squash"``.
        class_weight: ``"balanced"``, a dict from label to weight, or None.
        strategy: ``"auto"``, ``"one"``, ``"mirrored"`` or a ``tf.distribute.Strategy``. Batch sizes are global.
        callbacks: any Keras callbacks; they see each phase that takes gradient steps.
        seed: of the head's start, the order of examples and the augmentation. The split has the task's seed.

    Returns:
        The trained, servable model.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        OSError: weights are missing.
    """
    prepared = _prepare(
        model,
        task,
        schedule=schedule,
        augmentation=augmentation,
        weights=weights,
        head=head,
        size=size,
        resize=resize,
        strategy=strategy,
        seed=seed,
    )
    feed, scale = _feed(prepared, class_weight, seed)
    results = train(
        prepared.assembled.model,
        groups=prepared.assembled.groups,
        cuts=prepared.assembled.cuts,
        feed=feed,
        schedule=prepared.schedule,
        strategy=prepared.strategy,
        callbacks=callbacks,
    )
    kept = max(range(len(results)), key=lambda number: rank_of(results[number].scores))
    prepared.assembled.model.set_weights(results[kept].weights)
    return _record(prepared, results, kept, scale, seed)


@dataclass(frozen=True)
class _Prepared:
    """All that `plan` and `adapt` share."""

    task: Task
    source: Source
    splits: Splits
    head: Head
    preprocessor: Preprocessor
    assembled: Assembled
    schedule: Schedule
    strategy: tf.distribute.Strategy


def _prepare(
    model: Any,
    task: Any,
    *,
    schedule: str | Schedule | Phase,
    augmentation: str | None,
    weights: str | Path | None,
    head: Head | None,
    size: int | None,
    resize: str,
    strategy: str | tf.distribute.Strategy,
    seed: int,
) -> _Prepared:
    task = as_task(task)
    head = head or Head()
    source = resolve(model.backbone if isinstance(model, Adapted) else model, weights=weights, cards=cards())
    if isinstance(model, Adapted):
        source = dataclasses.replace(source, card=dataclasses.replace(source.card, scaling=model.preprocessor.scaling))
    chosen = get_strategy(strategy)
    size = size or source.card.size
    source.check(size)
    splits = read(task)
    keras.utils.set_random_seed(seed)
    with chosen.scope():
        backbone = source.build(size)
        assembled = assemble(backbone, head=head, outputs=len(splits.labels))
    preprocessor = Preprocessor(size, source.card.scaling, resize, channels=backbone.input_shape[-1])
    picked = _schedule(schedule, head, examples=len(splits.train), parameters=backbone.count_params())
    if augmentation is not None:
        picked = picked.with_augmentation(augmentation)
    for phase in picked.phases:
        phase.groups(list(assembled.groups))
    return _Prepared(task, source, splits, head, preprocessor, assembled, picked, chosen)


def _schedule(schedule: str | Schedule | Phase, head: Head, *, examples: int, parameters: int) -> Schedule:
    if isinstance(schedule, Phase):
        return Schedule((schedule,))
    if isinstance(schedule, Schedule):
        return schedule
    if schedule != "auto" and schedule not in RECIPES:
        raise ValueError(
            f"schedule must be 'auto', {', '.join(map(repr, RECIPES))} or a kzoo.Schedule. Got {schedule!r}."
        )
    made = auto(examples=examples, parameters=parameters) if schedule == "auto" else RECIPES[schedule]()
    if head.linear:
        return made
    # A head that is not linear has no closed solution: the probe takes gradient steps, on the same cached features.
    probe = Phase("head", epochs=30, learning_rate=1e-3, patience=5)
    phases = tuple(probe if phase.optimizer == "lbfgs" else phase for phase in made.phases)
    return Schedule(phases, name=made.name)


def _feed(prepared: _Prepared, class_weight: Any, seed: int) -> tuple[Feed, tuple[list[float], list[float]] | None]:
    """The data as the loop takes it, and mean and deviation of a regression's targets."""
    train_split, held = prepared.splits.train, prepared.splits.validation
    kind = prepared.task.kind
    scale = None
    if kind == "regression":
        mean, deviation = train_split.targets.mean(axis=0), train_split.targets.std(axis=0) + 1e-12
        scale = (mean.tolist(), deviation.tolist())

    def dense(examples: Examples) -> np.ndarray:
        if kind == "classification":
            return np.eye(len(prepared.splits.labels), dtype=np.float32)[examples.targets]
        return ((examples.targets - scale[0]) / scale[1]).astype(np.float32) if scale else examples.targets

    targets = dense(train_split)

    def one_view(augmentation: str, number: int) -> tf.data.Dataset:
        return view(
            train_split.columns["image"],
            targets,
            preprocessor=prepared.preprocessor,
            augmentation=augmentation,
            seed=seed,
            number=number,
            mixable=kind == "classification",
        )

    feed = Feed(
        view=one_view,
        validation=batches(held.columns["image"], preprocessor=prepared.preprocessor),
        train_size=len(train_split),
        validation_targets=dense(held),
        class_weights=weigh_classes(class_weight, train_split.targets, labels=prepared.splits.labels),
        kind=kind,
        seed=seed,
    )
    return feed, scale


def _record(prepared: _Prepared, results: Sequence[PhaseResult], kept: int, scale: Any, seed: int) -> Adapted:
    splits, task = prepared.splits, prepared.task
    source = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    source["data"] = (
        str(Path(task.data).absolute()) if isinstance(task.data, str | Path) and Path(task.data).exists() else None
    )
    phases = [
        {
            "phase": dataclasses.asdict(result.phase),
            "groups": list(result.groups),
            "scores": result.scores,
            "seconds": result.seconds,
            "history": result.history,
        }
        for result in results
    ]
    record = {
        "task": source,
        "weights": prepared.source.weights_name,
        "schedule": prepared.schedule.name,
        "phases": phases,
        "kept": kept,
        "sizes": {name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        "set_aside": len(splits.audit.set_aside),
        "notes": str(splits.audit).splitlines(),
        "fingerprint": splits.fingerprint(),
        "seed": seed,
        "versions": {name: version(name) for name in ("kzoo", "keras", "tensorflow", "numpy")},
    }
    return Adapted(
        card=prepared.source.card,
        kind=task.kind,
        labels=list(splits.labels),
        head=prepared.head,
        preprocessor=prepared.preprocessor,
        network=prepared.assembled.model,
        features=prepared.assembled.features,
        scale=scale,
        record=record,
        data=splits,
    )
