"""The main job: `plan` says what would happen, `adapt` does it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.adapted import Adapted
from kzoo.conclusion import conclude
from kzoo.models.folding import fold
from kzoo.planning import Plan, lay_out
from kzoo.preparation import make_feed, prepare
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
    resize: str = "crop",
    scaling: str | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Plan:
    """What `adapt` would do with the same arguments: reads and checks the data, builds the model, trains nothing.

    Args: as of `adapt`.

    Returns:
        A record that prints splits, phases, parameters, steps and memory.
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
        resize: ``"crop"``, ``"pad"`` or ``"squash"``.
        scaling: of the pixels of a ``keras.Model`` or ``.keras`` file of yours: ``"none"`` (0..255), ``"unit"``,
            ``"tf"``, ``"torch"`` or ``"caffe"``. None: that of ``keras.applications`` where it is one of these; 0..255
            otherwise, which is noted unless the model scales them itself. A model with a card has its own.
        class_weight: ``"balanced"``, a dict from label to weight, or None.
        strategy: ``"auto"``, ``"one"``, ``"mirrored"`` or a ``tf.distribute.Strategy``. Batch sizes are global.
        callbacks: Keras callbacks (CSVLogger, TensorBoard, MLflow, W&B, your own). They see all phases that take
            gradient steps as one run, with epochs that go on, and as their model the part that trains. An
            EarlyStopping ends the phase it is in, and starts anew in the next. Those that set the rate or save
            checkpoints are refused.
        seed: of the head's start, the order of examples and the augmentation. The split has the task's seed.

    Returns:
        The trained, servable model.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        OSError: weights are missing.
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
    feed, scale = make_feed(prepared, class_weight, seed)
    with tf.profiler.experimental.Profile(str(profile)) if profile else contextlib.nullcontext():
        results = train(
            prepared.assembled.model,
            groups=prepared.assembled.groups,
            cuts=prepared.assembled.cuts,
            feed=feed,
            schedule=prepared.schedule,
            fold=fold,
            strategy=prepared.strategy,
            callbacks=callbacks,
        )
    return conclude(prepared, results, scale=scale, seed=seed)
