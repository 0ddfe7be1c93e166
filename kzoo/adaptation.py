"""The main job: `plan` says what would happen, `adapt` does it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.data.targets import weigh_classes
from kzoo.models.folding import fold
from kzoo.results.adapted import Adapted
from kzoo.setup.plan import Plan, lay_out
from kzoo.setup.prepare import make_feed, prepare
from kzoo.setup.result import conclude
from kzoo.specs.head import Head
from kzoo.specs.schedule import Phase, Schedule
from kzoo.training.loop import train


def plan(
    model: Any,
    task: Any,
    *,
    schedule: str | Schedule | Phase = "auto",
    augmentation: str | None = None,
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Plan:
    """What `adapt` would do with the same arguments: reads and checks the data, builds the model, trains nothing.

    It sets no seed and leaves no other trace in the process.

    Args: as of `adapt`.

    Returns:
        A record that prints splits, phases, parameters, steps and memory.
    """
    with _random_state_kept():
        prepared = prepare(
            model,
            task,
            schedule=schedule,
            augmentation=augmentation,
            weights=weights,
            head=head,
            size=size,
            resize=resize,
            scaling=scaling,
            strategy=strategy,
            seed=None,
        )
    splits = prepared.splits
    return lay_out(
        prepared.source.card,
        prepared.assembled,
        splits,
        prepared.schedule,
        preprocessor=prepared.preprocessor,
        weights=prepared.source.weights_name,
        strategy=prepared.strategy,
        class_weights=weigh_classes(class_weight, splits.train.targets, labels=splits.labels),
    )


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Whatever is drawn inside leaves Python's and NumPy's generators as they were.

    Keras draws the seeds of initializers and dropout from Python's. No state of TensorFlow is used (Keras 3.15).
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def adapt(
    model: Any,
    task: Any,
    *,
    schedule: str | Schedule | Phase = "auto",
    augmentation: str | None = None,
    weights: str | Path | None = "auto",
    head: Head | None = None,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    profile: str | Path | None = None,
    seed: int = 0,
) -> Adapted:
    """Trains a pretrained backbone on a task: a probe, then fine-tuning; keeps whichever is better on validation.

    Args:
        model: ``"auto"`` (a good small one, or the one that comes with kzoo where there is no network), a name
            (`kzoo.list_models`), a card, a ``keras.Model``, an `Adapted`, a `Pretrained` or its folder, a
            `Fusion`, ``"hf_dir:PATH"`` (a text encoder in Hugging Face's form), or a path to a ``.keras`` file or to
            weights of a model of the catalog.
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification.
        schedule: ``"auto"`` (by number of examples and model size), the name of a recipe, a `kzoo.Schedule` or a
            `kzoo.Phase`.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``, instead of what the schedule says.
        weights: ``"imagenet"``, a path, or None for random ones; ``"auto"``: ImageNet's for a name, its own for a
            model.
        head: what goes on the backbone. None: average pooling, dropout 0.2 and a dense layer.
        size: height and width of the pictures, pixels; length of the texts, tokens; of the recordings, samples. None:
            the card's native size; for texts and recordings what holds most of the data.
        resize: of images: ``"crop"``, ``"pad"`` or ``"squash"``; None: crop.
        scaling: of the pixels of a ``keras.Model`` or ``.keras`` file of yours: ``"none"`` (0..255), ``"unit"``,
            ``"tf"``, ``"torch"`` or ``"caffe"``. None: that of ``keras.applications`` where it is one of these; 0..255
            otherwise, which is noted unless the model scales them itself. A model with a card has its own.
        class_weight: ``"balanced"``, a dict from label to weight, or None.
        strategy: ``"auto"``, ``"one"``, ``"mirrored"`` or a ``tf.distribute.Strategy``. Batch sizes are global.
        callbacks: Keras callbacks (CSVLogger, TensorBoard, MLflow, W&B, your own). They see all phases that take
            gradient steps as one run, with epochs that go on, and as their model the part that trains. An
            EarlyStopping ends the phase it is in, and starts anew in the next. Those that set the rate or save
            checkpoints are refused, and so are any where no phase takes steps.
        seed: of the head's start, the order of examples and the augmentation. The split has the task's seed.

    Returns:
        The trained, servable model. Ctrl-C during training ends it, and the best weights so far are returned: the
        record, its notes and the summary say that it was stopped.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        OSError: weights are missing.
        KeyboardInterrupt: Ctrl-C before a first epoch was measured, or a second one.
    """
    prepared = prepare(
        model,
        task,
        schedule=schedule,
        augmentation=augmentation,
        weights=weights,
        head=head,
        size=size,
        resize=resize,
        scaling=scaling,
        strategy=strategy,
        seed=seed,
    )
    schedule = prepared.schedule
    if callbacks and not schedule.takes_steps:
        raise ValueError(
            f"callbacks would never run: schedule {schedule.name!r} is a probe alone, which takes no gradient steps. "
            "Leave them out, or pass another schedule, as 'lp_ft'."
        )
    feed, scale = make_feed(prepared, class_weight, seed)
    with tf.profiler.experimental.Profile(str(profile)) if profile else contextlib.nullcontext():
        results = train(
            prepared.assembled.model,
            groups=prepared.assembled.groups,
            cuts=prepared.assembled.cuts,
            feed=feed,
            schedule=schedule,
            fold=fold,
            strategy=prepared.strategy,
            callbacks=callbacks,
        )
    return conclude(prepared, results, scale=scale, seed=seed)
