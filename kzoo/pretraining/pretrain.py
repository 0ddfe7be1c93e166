"""`pretrain`: a backbone learns from data without the labels of the final task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from kzoo.core.disk.checkpoints import Checkpoints, PlainValues
from kzoo.core.keywords import suggests_names
from kzoo.models.backbones import OWN
from kzoo.models.weights import digest_of
from kzoo.pretraining.dataset import Probe
from kzoo.pretraining.learner import build_learner
from kzoo.pretraining.preparation import PreparedPretraining, prepare_pretraining
from kzoo.pretraining.pretraining_options import PretrainingOptions
from kzoo.pretraining.steps import StepRun
from kzoo.results.pretrained import Pretrained, own_card
from kzoo.setup.model_source import ModelLike
from kzoo.specs.records.pretrained_record import PretrainedRecord


@suggests_names
def pretrain(
    model: ModelLike,
    data: object,
    *,
    objective: str,
    steps: int = 1_000,
    batch_size: int = 64,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    probe: object = None,
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
            ``"simclr"``, ``"barlow_twins"``, ``"gan"`` (the discriminator is kept), ``"masked_language"`` (texts),
            ``"scarf"`` or ``"masked_columns"`` (rows), or one of yours (`kzoo.register_objective`).
        steps: in all; the rate rises for a tenth of them, then falls by a cosine.
        batch_size: examples a step, over all replicas.
        learning_rate: its peak; None: the card's own, else 1e-3 (a third of it for weights that are there).
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; None: what the objective asks for.
        probe: a small labelled task, on whose validation split a linear probe is measured at each look: it shows
            whether pretraining gets anywhere.
        eval_every: steps between two evaluations, each of which writes a checkpoint too; None: a tenth of `steps`.
        checkpoint_dir: where checkpoints are kept: at each evaluation, once a minute, on Ctrl-C and on SIGTERM. The
            same call again continues from the last one, on one CPU bit for bit.
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
        FloatingPointError: the loss is not finite, twice: the first time, training goes back to the last evaluation and
            on with half the rate, which a note says.
        KeyboardInterrupt: Ctrl-C before the first step, or a second one.
        SystemExit: SIGTERM, where there is a `checkpoint_dir`.

    Example:
        ``kzoo.adapt(kzoo.pretrain("mobilenet_v2_035", "photos/", objective="barlow_twins", size=96), "labelled/")``
    """
    options = PretrainingOptions(
        objective=objective,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        augmentation=augmentation,
        eval_every=eval_every,
        ema=ema,
        precision=precision,
        seed=seed,
    )
    prepared = prepare_pretraining(
        model, data, options=options, weights=weights, size=size, resize=resize, scaling=scaling, strategy=strategy
    )
    keras.utils.set_random_seed(seed)
    learner = build_learner(prepared)
    run = prepared.describe(start=digest_of(learner.backbone.get_weights()), probe=probe is not None)
    steps_run = StepRun(
        learner.model,
        kept=learner.backbone.weights,
        data=prepared.questions,
        course=prepared.course,
        look=Probe.of(probe, learner.backbone, prepared.preprocessor, prepared.modality, seen=prepared.seen),
        checkpoints=Checkpoints(Path(checkpoint_dir), run) if checkpoint_dir else None,
        title=f"{objective} of {prepared.source.card.name}",
        names=prepared.names,
    )
    rows, seconds = steps_run()
    backbone = learner.finished(prepared.source, shape=prepared.preprocessor.shape)
    told = [steps_run.recovered] if steps_run.recovered else []
    return _conclude(prepared, backbone, run | steps_run.ended(rows), rows=rows, seconds=seconds, told=told)


def _conclude(
    prepared: PreparedPretraining,
    backbone: keras.Model,
    run: PlainValues,
    *,
    rows: list[dict[str, float]],
    seconds: float,
    told: Sequence[str],
) -> Pretrained:
    """The result, with the record of its run."""
    source, data = prepared.source, prepared.data
    name = f"{source.card.name}_{run['objective']}"
    kept = ("objective", "steps", "stopped", "batch_size", "learning_rate", "augmentation", "ema", "seed")
    record = PretrainedRecord(
        **{name: run[name] for name in kept if name in run},
        model=run["model"],
        start=run["weights"],
        data=data.origin,
        digest=run["data"][:16],
        examples=len(data.examples),
        set_aside=len(data.audit.set_aside),
        paper=prepared.objective.paper,
        loss=rows[-1]["loss"],
        notes=[*source.notes, *told] or None,
        probe=rows[-1].get("probe"),
        probe_before=rows[0].get("probe"),
        seconds=round(seconds, 1),
        seen=prepared.seen,
        course=rows,
    )
    return Pretrained(own_card(backbone, source.card, name=name, size=prepared.preprocessor.size), backbone, record)
