"""Alternatives to transfer: outputs on the test split of models that are trained on the task alone.

They get what an adapted model gets: a probe is solved again on training and validation examples, and test-time
augmentation is chosen on validation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from kzoo.choosing.classical_rivals import boosting, support_vectors
from kzoo.data.examples import Splits
from kzoo.data.file_changes import reading
from kzoo.data.loader import batches
from kzoo.data.modalities import MODALITIES
from kzoo.results.adapted import Adapted
from kzoo.results.record import task_like
from kzoo.setup.conclusion.result import conclude
from kzoo.setup.feeds import make_feed, target_scale, train_prepared, training_rows
from kzoo.setup.prepare import Prepared, prepare
from kzoo.specs.catalog.bundled import NANO
from kzoo.specs.head import Head
from kzoo.specs.phases import OWN, LinearProbe, Phase
from kzoo.specs.recipes import auto
from kzoo.specs.registry import cards, get_card
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import Scale
from kzoo.training.probes.linear_probe import solve, solve_on_both

RATE = 1e-3
"""Peak rate of networks from scratch whose card names none."""

SIDE = 16
"""Height and width, in cells, to which the plain baseline shrinks images."""

BATCH = 64

Alternative = Callable[[Adapted, Splits, int], np.ndarray]
"""From an adapted model, its splits and a seed to outputs on the test split, (N, outputs)."""


def from_scratch(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """The same network with random weights, trained whole in as many steps, at a rate that suits it.

    Where it diverges, it is trained once more at a tenth of the rate.

    Raises:
        FloatingPointError: it diverges again.
    """
    schedule = scratch_schedule(adapted, splits)
    # A classical head takes no steps, or was chosen for other features.
    head = None if adapted.head.classical else adapted.head
    try:
        return _trained(adapted, splits, schedule=schedule, head=head, seed=seed)
    except FloatingPointError:
        slower = schedule.changed(lambda phase: {"learning_rate": phase.learning_rate / 10})
        return _trained(adapted, splits, schedule=slower, head=head, seed=seed)


def random_features(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """A linear probe on the same network with random weights."""
    return _trained(adapted, splits, schedule=Schedule((LinearProbe(),)), head=None, seed=seed)


def plain_baseline(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """A linear model of simple features: TF-IDF of n-grams, pixels of shrunk images, or means over time."""
    name = adapted.preprocessor.modality
    sparse = [card.name for card in cards().values() if card.modality == name and card.is_sparse]
    if sparse:
        probe = Schedule((LinearProbe(),))
        return _trained(adapted, splits, schedule=probe, head=None, seed=seed, model=sparse[0])
    kind, outputs = get_task_kind(adapted.kind), len(splits.labels)
    features = {each: _simple_features(adapted, splits, each) for each in ("train", "validation", "test")}
    scale = target_scale(kind, splits.train.targets)
    rows, held = (training_rows(kind, each.targets, outputs, scale) for each in (splits.train, splits.validation))
    train = features["train"], rows, np.ones(len(rows), np.float32)
    if len(held):
        validation = features["validation"], held
        strength = solve(train, validation, kind=kind).strength
        weighted = *validation, np.ones(len(held), np.float32)
        solution = solve_on_both(train, weighted, kind=kind, strength=strength)
    else:
        solution = solve(train, None, kind=kind)
    return kind.outputs_of(_unscaled(solution.logits(features["test"]), scale))


def constant_answer(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """The same answer for every example: the majority of the training examples, or their mean."""
    kind, outputs = get_task_kind(adapted.kind), len(splits.labels)
    scale = target_scale(kind, splits.train.targets)
    rows = training_rows(kind, splits.train.targets, outputs, scale)
    logits = _unscaled(kind.constant_logits(rows.mean(axis=0), len(rows)), scale)
    return kind.outputs_of(np.tile(logits, (len(splits.test), 1)))


SEEDED: dict[str, Alternative] = {"from scratch": from_scratch, "random features": random_features}
"""Alternatives whose answers depend on a seed, by name."""

SETTLED: dict[str, Alternative] = {"plain baseline": plain_baseline, "constant answer": constant_answer}
"""Alternatives whose answers do not."""


def alternatives_of(adapted: Adapted) -> tuple[dict[str, Alternative], dict[str, Alternative]]:
    """The alternatives to a model by name: those whose answers depend on a seed, and those whose answers do not.

    Beside rows of a table stand the models of scikit-learn that are usual for them. A network for rows that began with
    random weights was itself trained from scratch.
    """
    if MODALITIES[adapted.preprocessor.modality].tabulate is None:
        return dict(SEEDED), dict(SETTLED)
    transferred = adapted.record.weights is not None
    seeded = {name: each for name, each in SEEDED.items() if transferred or each is not from_scratch}
    linear = "logistic regression" if get_task_kind(adapted.kind).has_labels else "ridge regression"
    others = {name: each for name, each in SETTLED.items() if each is not plain_baseline}
    return seeded, {"boosting": boosting, linear: plain_baseline, "SVM": support_vectors, **others}


def scratch_schedule(adapted: Adapted, splits: Splits) -> Schedule:
    """One phase from random weights, with at least as many gradient steps as the adapted model took in all its phases.

    Of a probe, which takes none, as many as ``schedule="auto"`` would have taken.
    """
    size = len(splits.train)
    taken = [(each.phase, sum("loss" in row for row in each.history)) for each in adapted.record.phases]
    tuned = [(phase, epochs) for phase, epochs in taken if isinstance(phase, Phase)]
    if not tuned:
        planned = auto(adapted.card, examples=max(size, 50), weights=True).phases
        tuned = [(phase, phase.epochs) for phase in planned if isinstance(phase, Phase)]
    steps = sum(epochs * max(size // phase.batch_size, 1) for phase, epochs in tuned)
    last, _ = tuned[-1]
    batch = min(last.batch_size, size)
    phase = Phase(
        "*",
        epochs=max(math.ceil(steps / max(size // batch, 1)), 1),
        learning_rate=adapted.card.rate or RATE,
        batch_size=batch,
        batch_norm=True,
        augmentation=last.augmentation if last.augmentation != OWN else "none",
        label_smoothing=last.label_smoothing,
    )
    return Schedule((phase,), name="from scratch")


def _trained(
    adapted: Adapted, splits: Splits, *, schedule: Schedule, head: Head | None, seed: int, model: str | None = None
) -> np.ndarray:
    """Outputs on the test split of the same network, or of a model of the catalog, with random weights and trained."""
    resize = None if model else getattr(adapted.preprocessor, "resize", None)
    prepared = prepare(
        model or adapted,
        task_like(adapted.record.task, (), kind=adapted.kind),
        options=TrainingOptions(schedule=schedule),
        weights=None,
        head=head,
        size=None if model else adapted.preprocessor.size,
        resize=resize,
        strategy="one",
        seed=seed,
        splits=splits,
    )
    return train_untested(prepared, seed).outputs(splits.test)


def train_untested(prepared: Prepared, seed: int) -> Adapted:
    """Trains what was prepared, and leaves the test split to whoever asks."""
    feed, scale = make_feed(prepared, None, seed)
    results = train_prepared(prepared, feed)
    bare = dataclasses.replace(
        prepared, splits=dataclasses.replace(prepared.splits, test=prepared.splits.test.take(()))
    )
    return conclude(bare, results, scale=scale, seed=seed, feed=feed)


def _unscaled(logits: np.ndarray, scale: Scale | None) -> np.ndarray:
    """Answers to standardised targets in their own units; others as they are."""
    return logits * scale[1] + scale[0] if scale else logits


def _simple_features(adapted: Adapted, splits: Splits, part: str) -> np.ndarray:
    """Features of a split for a plain model, float32 (N, C), from the front end of the bundled model."""
    examples = getattr(splits, part)
    if not len(examples):
        return np.zeros((0, 0), np.float32)
    name = adapted.preprocessor.modality
    preprocessor = adapted.preprocessor
    if tabulate := MODALITIES[name].tabulate:
        return tabulate(preprocessor, examples.columns[name]).dense
    if name in NANO:
        modality, train_column = MODALITIES[name], splits.train.columns[name]
        channels = train_column.shape[-1] if train_column.ndim == 4 else 3
        preprocessor, _ = modality.fit(get_card(NANO[name]), train_column, size=None, resize="crop", channels=channels)
    with reading(examples):
        inputs = batches(examples.columns[name], preprocessor=preprocessor, batch_size=BATCH)
        return np.concatenate([_summary(np.asarray(batch)) for batch in inputs])


def _summary(inputs: np.ndarray) -> np.ndarray:
    """Means of cells of images (B, H, W, C); means and deviations over time of (B, T, V); others as they are."""
    if inputs.ndim == 4:
        rows, columns = (max(side // SIDE, 1) for side in inputs.shape[1:3])
        height, width = inputs.shape[1] // rows, inputs.shape[2] // columns
        cut = inputs[:, : height * rows, : width * columns]
        cells = cut.reshape(len(cut), height, rows, width, columns, -1).mean(axis=(2, 4))
        return cells.reshape(len(cut), -1).astype(np.float32)
    if inputs.ndim == 3:
        return np.concatenate([inputs.mean(axis=1), inputs.std(axis=1)], axis=1).astype(np.float32)
    return inputs.reshape(len(inputs), -1).astype(np.float32)
