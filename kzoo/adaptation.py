"""`adapt` trains a pretrained backbone on a task; `plan` says what it would do."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kzoo.choosing.forgetting import with_forgetting
from kzoo.core.keywords import suggests_names
from kzoo.core.tensors import Tensor
from kzoo.core.verbosity import verbosity
from kzoo.distillation.earlier_outputs import teach_earlier_outputs
from kzoo.results.adapted import Adapted
from kzoo.setup.arguments import AnyMetric, check_callbacks
from kzoo.setup.conclusion.result import conclude
from kzoo.setup.feeds import make_feed, train_prepared
from kzoo.setup.model_source import ModelLike
from kzoo.setup.options.head_choice import with_best_head
from kzoo.setup.plan import Plan, lay_out, random_state_kept
from kzoo.setup.prepare import Prepared, prepare
from kzoo.setup.run_identity import run_directory
from kzoo.specs.head import Head
from kzoo.specs.phases import Phase
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions


@suggests_names
def plan(
    model: ModelLike,
    task: object,
    *,
    schedule: str | Schedule | Phase | Sequence[Phase] = "auto",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    loss: str | keras.losses.Loss | Callable[..., Tensor] | None = None,
    metrics: AnyMetric | Sequence[AnyMetric] = (),
    monitor: str | Callable[..., float] | None = None,
    augmentation: str | keras.layers.Layer | Callable[..., object] | None = None,
    weights: str | Path | None = "auto",
    head: str | Head | None = None,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    remember: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    precision: str | None = None,
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] = (),
    profile: str | Path | None = None,
    directory: str | Path | None = None,
    verbose: int = 1,
    seed: int = 0,
) -> Plan:
    """Shows what `adapt` would do with the same arguments: reads and checks the data, builds the model, trains nothing.

    It sets no seed, writes no profile and no directory, and leaves no other trace in the process.

    Args: as of `adapt`.

    Returns:
        A record that prints splits, phases, parameters, steps and memory.
    """
    arguments = locals()
    with random_state_kept(), verbosity(verbose):
        prepared = _prepare(arguments, seed=None)
        check_callbacks(callbacks, prepared.schedule, kind=prepared.kind)
        return lay_out(prepared, class_weight=class_weight)


@suggests_names
def adapt(
    model: ModelLike,
    task: object,
    *,
    schedule: str | Schedule | Phase | Sequence[Phase] = "auto",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    loss: str | keras.losses.Loss | Callable[..., Tensor] | None = None,
    metrics: AnyMetric | Sequence[AnyMetric] = (),
    monitor: str | Callable[..., float] | None = None,
    augmentation: str | keras.layers.Layer | Callable[..., object] | None = None,
    weights: str | Path | None = "auto",
    head: str | Head | None = None,
    size: int | None = None,
    resize: str | None = None,
    scaling: str | None = None,
    remember: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    precision: str | None = None,
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] = (),
    profile: str | Path | None = None,
    directory: str | Path | None = None,
    verbose: int = 1,
    seed: int = 0,
) -> Adapted:
    """Trains a pretrained backbone on a task: a probe, then fine-tuning; keeps whichever is better on validation.

    Args:
        model: ``"auto"`` (a good small one, or the one that comes with kzoo where there is no network), a name
            (`kzoo.list_models`), a card, a ``keras.Model``, a backbone of KerasHub's, ``"hub:PRESET"`` or the folder of
            a preset, an `Adapted` or a `Pretrained` or its folder, a `Fusion`, ``"hf_dir:PATH"`` (a text encoder in
            Hugging Face's form), or a path to a ``.keras`` file or to weights of a model of the catalog.
        task: a `kzoo.Classification`, `kzoo.MultiLabel` or `kzoo.Regression`; or its data, for a Classification.
        schedule: ``"auto"`` (by number of examples and model size), the name of a recipe, a `kzoo.Schedule`, a
            `kzoo.Phase` or a list of phases.
        epochs: passes over the training split, of each phase that takes gradient steps, instead of what the schedule
            says; an int in [1, inf).
        batch_size: examples a step, likewise; an int in [1, inf).
        learning_rate: peak rate, likewise; a float in (0, inf).
        optimizer: likewise, the name of one, see `kzoo.Phase`; or a Keras optimizer. A name leaves the rate and the
            weight decay of the phases as they are. Of a Keras optimizer the arguments are used: its learning_rate
            unless `learning_rate` is given, and its weight_decay, which is for kernels only.
        loss: a Keras loss, the name of one (or one given to `kzoo.register_loss`), or a callable of (truth, outputs)
            that returns a loss for each example, (B,), in TensorFlow or ``keras.ops``. Truth is float32 (B, outputs):
            one-hot for a Classification, 0 or 1 for a MultiLabel, standardised values for a Regression. Outputs are
            float32 logits (B, outputs), so a loss of classes needs ``from_logits=True``, which a name of Keras gets by
            itself. It is the loss of gradient steps: a probe is solved for its own, and validation selects as without
            it.
        metrics: one or several Keras metrics, names (of these, or given to `kzoo.register_metric`), or callables of
            (truth, outputs) that return a number. The evaluation shows them beside the built-in ones, each with a 95%
            interval from a bootstrap over examples, or over groups. Truth is float32 (N, outputs), one-hot for a
            Classification; outputs are what `predict` gives, probabilities or values, float32 (N, outputs).
        monitor: what selects, on validation, the epoch and the phase that are kept: ``"accuracy"``,
            ``"balanced_accuracy"``, ``"macro_f1"``, ``"auc"`` (one against the rest, the mean), ``"loss"`` (the lower
            the better), or a registered metric or a callable as of `metrics`, of which the highest value is kept. Of
            equal phases the later is kept. None: the rule of `kzoo.training.selection`. The penalty of a probe is
            chosen by its loss in any case.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``, instead of what the schedule says; or a
            Keras layer, or a callable on one example as a NumPy array: an image, float32 (S, S, C) in 0..255, a
            recording's waveform, float32 (samples,), or a text, a str. It must give the same shape and finite numbers,
            and is tried on one example first. It draws from generators of its own, not from `seed`. What is computed
            with a layer of Keras's own is cached by its config; with anything else, for this run only.
        weights: ``"imagenet"``, a path, or None for random ones; ``"auto"``: ImageNet's for a name, its own for a
            model.
        head: what goes on the backbone. None: average pooling, dropout 0.2 and a dense layer. A `kzoo.Head`, or the
            name of a kind: ``"svm"``, ``"rbf_svm"``, ``"ridge"``, ``"knn"`` or ``"boosting"`` is solved on frozen
            features, with settings that are chosen by cross-validation; ``"best"`` is the best of these and of
            logistic regression.
        size: height and width of the images, pixels; length of the texts, tokens; of the recordings, samples. None:
            the card's native size; for texts and recordings what holds most of the data.
        resize: of images: ``"crop"``, ``"pad"`` or ``"squash"``; None: crop.
        scaling: of the pixels of a ``keras.Model`` or ``.keras`` file of yours: ``"none"`` (0..255), ``"unit"``,
            ``"tf"``, ``"torch"`` or ``"caffe"``. None: that of ``keras.applications`` where it is one of these; 0..255
            otherwise, which is noted unless the model scales them itself. A model with a card has its own.
        remember: of a model that is an `Adapted`, or its folder: what is done so that it does not forget its earlier
            tasks. None: it starts anew with one head for the new task. ``"heads"``: the earlier heads are kept beside
            the new one. ``"outputs"``: gradient steps also keep the earlier outputs, on new examples, near to what they
            were (learning without forgetting, arXiv:1606.09282). ``"examples"``: they also train on earlier examples,
            at most as many as new ones (rehearsal). ``"both"``: both. The earlier validation and test examples are
            selected and measured on as well, where they are there: notes say what was forgotten. A probe changes
            nothing of the earlier tasks; a `kzoo.L2SP` in a phase holds its weights near to where they were.
        class_weight: ``"balanced"``, a dict from label to weight, or None.
        strategy: ``"auto"``, ``"one"``, ``"mirrored"`` or a ``tf.distribute.Strategy``. Batch sizes are global.
        precision: ``"mixed_bfloat16"`` or ``"float32"``: in which gradient steps compute, but for the layer of logits.
            Weights stay float32. None: the policy of each layer, which is Keras's global one where the layer was built.
            Unless it is ``"float32"``, frozen activations of the training split are computed in bfloat16 where the
            processor has units for it, OpenVINO is there, and features of a sample agree (cosine of at least 0.98);
            the record's ``runtimes`` and the plan say so. Validation, test, predictions and exports are exact in any
            case.
        callbacks: one or several Keras callbacks (CSVLogger, TensorBoard, MLflow, W&B, your own). They see all phases
            that take gradient steps as one run, with epochs that go on, and as their model the part that trains. An
            EarlyStopping ends the phase it is in, and starts anew in the next; with `monitor` it can watch
            ``"val_monitor"``, its value after each epoch (higher is better; of ``"loss"`` the negative loss). Those
            that set the rate or save checkpoints are refused, and so are any where no phase takes steps.
        profile: folder for a trace of the training, for TensorBoard (extra ``tensorboard``); None: no trace.
        directory: where the run keeps how far it is: at the end of each phase, once a minute, on Ctrl-C and on
            SIGTERM. The same call goes on from there after the process was killed, and on one CPU comes
            to the same weights, bit for bit. Of callbacks, only the number of the epoch goes on. None: nowhere.
        verbose: 0 shows no progress bars and no notes; 1 shows them. Warnings stay in the record.
        seed: of the head's start, the order of examples and the augmentation. The split has the task's seed.

    Returns:
        The trained, servable model. Ctrl-C during training ends it, and the best weights so far are returned: the
        record, its notes and the summary say that it was stopped.

    Raises:
        ValueError: an argument or the data cannot be used; the message says what to do. `directory` holds another run;
            the message says what differs.
        TypeError: an argument has another type, or there is none of that name.
        OSError: weights are missing; or `directory` cannot be written.
        KeyboardInterrupt: Ctrl-C before a first epoch was measured, or a second one.
        SystemExit: SIGTERM, where there is a `directory`.
    """
    arguments = locals()
    with verbosity(verbose):
        prepared = _prepare(arguments, seed=seed)
        monitored = monitor is not None
        called = check_callbacks(callbacks, prepared.schedule, kind=prepared.kind, monitored=monitored)
        feed, scale = make_feed(prepared, class_weight, seed)
        prepared = with_best_head(prepared, feed, precision=precision)
        prepared, feed = teach_earlier_outputs(prepared, feed, seed=seed)
        held = run_directory(
            directory, prepared, verb="adapt", seed=seed, class_weight=class_weight, precision=precision
        )
        with contextlib.ExitStack() as stack:
            kept = stack.enter_context(held)
            if profile:
                stack.enter_context(tf.profiler.experimental.Profile(str(profile)))
            results = train_prepared(prepared, feed, callbacks=called, precision=precision, directory=kept)
        adapted = conclude(prepared, results, scale=scale, seed=seed, feed=feed)
        return adapted if prepared.kept is None else with_forgetting(adapted, prepared.kept.earlier)


def _prepare(arguments: Mapping[str, Any], *, seed: int | None) -> Prepared:
    """All that `plan` and `adapt` do before training, by the arguments that they share."""
    options = TrainingOptions(**{field.name: arguments[field.name] for field in dataclasses.fields(TrainingOptions)})
    names = ("weights", "head", "size", "resize", "scaling", "remember", "strategy")
    given = {name: arguments[name] for name in names}
    return prepare(arguments["model"], arguments["task"], options=options, seed=seed, **given)
