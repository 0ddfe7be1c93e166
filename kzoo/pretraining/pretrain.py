"""`pretrain`: a backbone learns from data without the labels of the final task."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.modalities import MODALITIES
from kzoo.models.backbones import OWN
from kzoo.models.heads import pool
from kzoo.models.weights import digest_of
from kzoo.models.zoo.text import find_states
from kzoo.pretraining.checkpoints import Checkpoints
from kzoo.pretraining.dataset import PretrainingData, Probe, read_material
from kzoo.pretraining.objectives.objective import BackboneGraph
from kzoo.pretraining.objectives.objective_registry import find_objective
from kzoo.pretraining.precision import find_precision, policy
from kzoo.pretraining.steps import StepRun, StepSchedule, questions, trained
from kzoo.results.pretrained import Pretrained, own_card
from kzoo.setup.arguments import as_size, check_input
from kzoo.setup.auto_model import choose_model
from kzoo.setup.prepare import feed_of, source_of
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.schedule import AUGMENTATIONS
from kzoo.specs.task import Regression, Task
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.freezing import batch_norms, set_trainable
from kzoo.training.strategies import get_strategy, whole_batch


def pretrain(
    model: Any,
    data: Any,
    *,
    objective: str,
    steps: int = 1_000,
    batch_size: int = 64,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    probe: Any = None,
    eval_every: int | None = None,
    checkpoint_dir: str | Path | None = None,
    weights: str | Path | None = OWN,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    ema: float = 0.99,
    precision: str = "auto",
    strategy: str | tf.distribute.Strategy = "auto",
    seed: int = 0,
) -> Pretrained:
    """Trains a backbone for an objective of its own, so that it can be adapted to a task with few labels.

    Args:
        model: as of `kzoo.adapt`; with `weights`, or one of yours, training goes on from there.
        data: unlabelled: a folder of files of any depth, TFRecords, a table, a ``tf.data.Dataset``, an array, a list of
            paths or of texts; or a task, whose training split is used.
        objective: ``"supervised"`` (a task's labels), ``"autoencoder"`` (denoising), ``"masked"`` (patches),
            ``"simclr"``, ``"barlow_twins"``, ``"gan"`` (the discriminator is kept), ``"masked_language"`` (texts), or
            one of yours (`kzoo.register_objective`).
        steps: in all; the rate rises for a tenth of them, then falls by a cosine.
        batch_size: examples a step, over all replicas.
        learning_rate: its peak; None: the card's own, else 1e-3 (a third of it for weights that are there).
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; None: what the objective asks for.
        probe: a small labelled task, on whose validation split a linear probe is measured at each look: it shows
            whether pretraining gets anywhere.
        eval_every: steps between two evaluations, each of which writes a checkpoint too; None: a tenth of `steps`.
        checkpoint_dir: where checkpoints are kept; the same call again continues from the last one.
        weights: ``"given"``: those that a model of yours brings, else random ones; ``"imagenet"``, a path, ``"auto"``
            for the card's own, or None for random ones.
        size: of the input, as of `kzoo.adapt`.
        resize: likewise.
        scaling: likewise.
        ema: momentum of the moving average of weights, which is what is kept; 0: the last ones.
        precision: ``"auto"`` (half, where the device gains by it), ``"float32"``, ``"mixed_float16"`` or
            ``"mixed_bfloat16"``.
        strategy: as of `kzoo.adapt`.
        seed: of weights, order, views and what is hidden.

    Returns:
        A backbone for `kzoo.adapt`, to `save` and to `register`; `plot` shows its course. After Ctrl-C, that of the
        last step, whose record says that it was stopped.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do.
        FloatingPointError: the loss is no number any more.
        KeyboardInterrupt: Ctrl-C before the first step, or a second one.

    Example:
        ``kzoo.adapt(kzoo.pretrain("mobilenet_v2_035", "photos/", objective="barlow_twins", size=96), "labelled/")``
    """
    chosen, size = get_strategy(strategy), as_size(size)
    kind = find_objective(objective)
    if augmentation not in (None, *AUGMENTATIONS):
        raise ValueError(f"augmentation must be one of {', '.join(AUGMENTATIONS)}. Got {augmentation!r}.")
    _check(steps=steps, batch_size=batch_size, learning_rate=learning_rate, eval_every=eval_every, ema=ema)
    if isinstance(model, str) and model == "auto":
        model, _ = choose_model(data if isinstance(data, Task) else Regression(data), size=size)
    source = source_of(model, weights=weights, scaling=scaling)
    material = read_material(kind, source, data)
    modality = MODALITIES[material.modality]
    column = material.examples.columns[modality.name]
    check_input(modality, size=size, resize=resize)
    options: dict[str, Any] = {"size": size, "resize": resize or "crop", "channels": source.channels}
    preprocessor, _ = modality.fit(source.card, column, **options)
    source.check(preprocessor.size)
    batch = whole_batch(batch_size, len(material.examples), chosen)
    rate = learning_rate or (source.card.rate or 1e-3) / (3 if source.weights_name and not source.card.rate else 1)
    course = StepSchedule(steps, eval_every or max(steps // 10, 1), batch, rate, ema, seed)
    asked = kind(outputs=material.targets.shape[1], **_vocabulary(preprocessor))
    if kind.views > 1 and augmentation == "none":
        raise ValueError(f"objective={objective!r} compares versions of one example: choose another augmentation.")
    if augmentation is None:
        augmentation = "medium" if modality.name == "text" and kind.views > 1 else kind.augmentation
        augmentation = "none" if modality.name == "text" and kind.views == 1 else augmentation

    keras.utils.set_random_seed(seed)
    computes = find_precision(precision)
    with chosen.scope(), policy(computes):
        backbone = source.build(preprocessor.shape)
        set_trainable({"all": backbone.layers}, ("all",), batch_norm=True)
        learner = asked.network(_body(backbone, preprocessor))
        norms = [each for each in batch_norms(learner.layers) if not each.synchronized]
        for each in norms if chosen.num_replicas_in_sync > 1 else ():
            each.synchronized = True
        # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
        learner.compile(course.optimizer(), asked.loss, jit_compile=False)
        learner.optimizer.build(trained(learner))

    targets = (material.targets, material.targets)
    parts = (material.examples, material.examples)
    feed = feed_of(preprocessor, parts, targets, kind=REGRESSION, seed=seed, mixable=False)
    run = {
        "model": source.card.name,
        "weights": source.weights_name,
        "objective": objective,
        "data": material.digest(),
        "start": digest_of(backbone.get_weights()),
        "input": [str(preprocessor), *preprocessor.shape],
        "augmentation": augmentation,
        "precision": computes,
        "probe": probe is not None,
        **dataclasses.asdict(course),
    }
    steps_run = StepRun(
        learner,
        kept=backbone.weights,
        data=lambda start: questions(
            feed.train, asked.ask, course=course, views=kind.views, augmentation=augmentation, start=start
        ),
        course=course,
        look=Probe.of(probe, backbone, preprocessor, modality, seen=source.seen | material.seen()),
        checkpoints=Checkpoints(Path(checkpoint_dir), run) if checkpoint_dir else None,
        title=f"{objective} of {source.card.name}",
    )
    rows, seconds = steps_run()
    run |= steps_run.ended(rows)
    for each in norms:
        each.synchronized = False
    return _pretrained(source, backbone, preprocessor, run=run, rows=rows, seconds=seconds, material=material)


def _check(*, ema: float, learning_rate: float | None, **counts: int | None) -> None:
    """Raises for what a run cannot have."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be in [1, inf). Got {count}.")
    if learning_rate is not None and not learning_rate > 0:
        raise ValueError(f"learning_rate must be in (0, inf). Got {learning_rate}.")
    if not 0 <= ema < 1:
        raise ValueError(f"ema must be in [0, 1). Got {ema}.")


def _vocabulary(preprocessor: Any) -> dict[str, Any]:
    """What an objective has to know of a tokenizer."""
    if preprocessor.modality != "text":
        return {}
    tokenizer = preprocessor.tokenizer
    return {"vocabulary": tokenizer.size, "mask": tokenizer.mask, "pad": tokenizer.pad}


def _body(backbone: keras.Model, preprocessor: Any) -> BackboneGraph:
    if preprocessor.modality == "text":
        return BackboneGraph(
            backbone.input, backbone.output, pool(backbone.output, "avg", name="pooled"), find_states(backbone)
        )
    shape = preprocessor.shape
    if preprocessor.modality == "audio":
        shape = preprocessor.front.shape(preprocessor.samples)
    inputs = keras.Input(tuple(shape), name="examples", dtype="float32")
    features = backbone(preprocessor.scale(inputs))
    pooled = pool(features, "avg", name="pooled")
    if preprocessor.modality == "audio" and preprocessor.edge and len(features.shape) == 4:
        # An image of a spectrogram shows time from left to right, and low notes at the bottom.
        features = keras.ops.transpose(keras.ops.flip(features, axis=1), (0, 2, 1, 3))
    return BackboneGraph(inputs, features, pooled)


def _pretrained(
    source: Any,
    backbone: keras.Model,
    preprocessor: Any,
    *,
    run: dict[str, Any],
    rows: list[dict[str, float]],
    seconds: float,
    material: PretrainingData,
) -> Pretrained:
    if backbone.dtype_policy.name != "float32" or any(each.dtype_policy.name != "float32" for each in backbone.layers):
        # Kept in full precision: the same weights, in a network that computes with all of them.
        plain = source.build(preprocessor.shape)
        plain.set_weights(backbone.get_weights())
        backbone = plain
    card = own_card(backbone, source.card, name=f"{source.card.name}_{run['objective']}", size=preprocessor.size)
    kept = ("objective", "steps", "stopped", "batch_size", "learning_rate", "augmentation", "ema", "seed")
    record = PretrainedRecord(
        **{name: run[name] for name in kept if name in run},
        model=run["model"],
        start=run["weights"],
        data=material.origin,
        digest=run["data"][:16],
        examples=len(material.examples),
        set_aside=len(material.audit.set_aside),
        paper=find_objective(run["objective"]).paper,
        loss=rows[-1]["loss"],
        notes=source.notes or None,
        probe=rows[-1].get("probe"),
        probe_before=rows[0].get("probe"),
        seconds=round(seconds, 1),
        seen=source.seen | material.seen(),
        course=rows,
    )
    return Pretrained(card, backbone, record)
