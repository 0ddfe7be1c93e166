"""Signatures: the named functions of an exported model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.serving.batch_items import Read, reader, spread
from kzoo.serving.served_limits import ServedLimits, limit
from kzoo.task_kinds.kind_registry import get_task_kind

Function = Callable[..., dict[str, Tensor]]

NUMERIC = "numeric"
"""The signature of numbers alone, whose shapes are all known."""

TASK = "task_"
"""Beginning of the names of signatures of one of several tasks."""

NO_LIMITS = ServedLimits()


@dataclass(frozen=True)
class AnswerModels:
    """What the signatures of an exported model answer with.

    Args:
        view: from one view of each example, as a preprocessor without test-time augmentation gives it, to logits
            (B, K) and embeddings (B, width).
        last: from these to probabilities (B, K), or values, and embeddings; with limits that tell novelty also to
            distances (B, 1).
        views: of each example, whose means are taken.
        limits: of the answers.
    """

    view: keras.Model
    last: keras.Model
    views: int = 1
    limits: ServedLimits = NO_LIMITS


def build_signatures(
    models: AnswerModels,
    *,
    batch: tf.TensorSpec | Sequence[tf.TensorSpec],
    fitted: tf.TensorSpec,
    read: Callable[..., tuple[Tensor, Tensor]] | None,
    read_one: Read | None,
    tensors: Mapping[str, tuple[tf.TensorSpec, Callable[[Tensor], Tensor]]],
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted model serves, with their input specifications.

    Args:
        models: that answer.
        batch: input spec of ``serving_default`` and ``features``, or several, which `read` takes in their order.
        fitted: shape, without the batch, and dtype of fitted examples, with all their views.
        read: from such a batch to preprocessed examples of the good ones, and for each an empty string or the reason
            why it is bad.
        read_one: the same for one encoded example, where `read` is None; see `kzoo.serving.batch_items`.
        tensors: of other signatures, by name: the input spec, and the function that preprocesses it.
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default`` and `tensors`, each of which gives ``labels``, string (B,), and ``probabilities``, float32
        (B, K) (a regression: ``values``); ``features``, which gives ``features``, float32 (B, width). The first and
        the last also give ``errors``, string (B,): empty, or why an example has no answer; its label is empty then,
        and its numbers are NaN. ``numeric`` takes one view of an example and gives probabilities, or values, and
        ``features``: all shapes are known, and nothing is a string, as XLA and LiteRT need it. All but ``features``
        also give what limits say, see `kzoo.serving.served_limits.limit`; with several views ``numeric`` does not.
        Of several tasks each output is named after its task, as ``price_values``, and ``task_<name>`` gives those of
        one task as a model of this task alone would.
    """
    view = traced_once(models.view)
    call, limits = whole_answer(models, view, fitted), models.limits
    reads = read or (reader(read_one, fitted) if read_one else None)
    if reads is None:
        raise ValueError(
            "A ServedInput needs read= or read_one=, a function from inputs to preprocessed examples. Got neither."
        )
    specs = [batch] if isinstance(batch, tf.TensorSpec) else list(batch)
    answers, embeds = batch_functions(reads, call, labels, kind=kind, limits=limits)

    def says(fit: Callable[[Tensor], Tensor]) -> Function:
        return lambda inputs: named(call(fit(inputs)), labels, kind=kind, limits=limits)

    return {
        "serving_default": (answers, specs),
        "features": (embeds, specs),
        **{f"{TASK}{part.name}": (_of_task(answers, part.name), specs) for part in get_task_kind(kind).parts},
        NUMERIC: numeric_signature(models, view, kind=kind),
        **{name: (says(fit), [spec]) for name, (spec, fit) in tensors.items()},
    }


def _of_task(answers: Function, name: str) -> Function:
    """What of the answers of several tasks is that of one."""
    prefix = f"{name}_"

    def answer(*inputs: Tensor) -> dict[str, Tensor]:
        found = answers(*inputs)
        own = {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}
        return {**own, "errors": found["errors"]}

    return answer


def numeric_signature(
    models: AnswerModels, view: Callable[[Tensor], Tensor], *, kind: str
) -> tuple[Function, list[tf.TensorSpec]]:
    """The function of the signature ``numeric``, and the spec of its input."""
    limits = models.limits if models.views == 1 else NO_LIMITS

    def answer(inputs: Tensor) -> dict[str, Tensor]:
        parts = zip(view(inputs), models.view.output_shape, strict=True)
        # Not through `whole_answer`, whose branch for empty batches not every runtime takes.
        outputs, features, *distances = models.last([tf.ensure_shape(each, (1, *shape[1:])) for each, shape in parts])
        return {outputs_name(kind): outputs, "features": features, **limit(outputs, distances, limits)}

    return answer, [tf.TensorSpec((1, *models.view.input_shape[1:]), models.view.input.dtype, name="input")]


def outputs_name(kind: str) -> str:
    """What a signature calls the numbers of a kind of task."""
    return "probabilities" if get_task_kind(kind).has_labels else "values"


def batch_functions(
    read: Callable[..., tuple[Tensor, Tensor]],
    call: Callable[[Tensor], Tensor],
    labels: Sequence[str],
    *,
    kind: str,
    limits: ServedLimits = NO_LIMITS,
) -> tuple[Function, Function]:
    """The functions that predict and embed a batch (B, ...). Both mark bad examples in ``errors``, string (B,).

    Args:
        read: from a batch to fitted examples of the good ones and reasons against the others; see
            `kzoo.serving.batch_items`.
        call: from these to outputs and embeddings, of `whole_answer`.
        labels: names of the outputs.
        kind: kind of the task.
        limits: of the answers.
    """

    def answer(*inputs: Tensor) -> dict[str, Tensor]:
        features, errors = read(*inputs)
        found = [spread(each, errors) for each in call(features)]
        return {**named(found, labels, kind=kind, limits=limits), "errors": errors}

    def embed(*inputs: Tensor) -> dict[str, Tensor]:
        features, errors = read(*inputs)
        return {"features": spread(call(features)[1], errors), "errors": errors}

    return answer, embed


def named(
    found: Sequence[Tensor], labels: Sequence[str], *, kind: str, limits: ServedLimits = NO_LIMITS
) -> dict[str, Tensor]:
    """Outputs (B, K), embeddings and distances as a signature gives them: labels and probabilities, or values.

    There is no label where an output is NaN.
    """
    outputs, _, *distances = found
    return {**get_task_kind(kind).serve(outputs, labels), **limit(outputs, distances, limits)}


def traced_once(view: keras.Model) -> Callable[[Tensor], Tensor]:
    """The model as one function that all signatures call: a second graph would store its constants twice."""

    @tf.function(input_signature=[tf.TensorSpec((None, *view.input_shape[1:]), view.input.dtype)], autograph=False)
    def call(inputs: Tensor) -> Tensor:
        return tuple(view(inputs, training=False))

    return call.get_concrete_function()


def whole_answer(
    models: AnswerModels, view: Callable[[Tensor], Tensor], fitted: tf.TensorSpec
) -> Callable[[Tensor], Tensor]:
    """From fitted examples to the outputs of `models.last`. An empty batch gives empty outputs without a call.

    Convolutions of an empty batch are wrong on CPU (TensorFlow 2.21).

    Args:
        models: that answer.
        view: of `traced_once`.
        fitted: shape, without the batch, and dtype of fitted examples, with all their views.
    """
    widths = [each[-1] for each in models.last.output_shape]

    def mean(values: Tensor) -> Tensor:
        return tf.reduce_mean(tf.reshape(values, (-1, models.views, values.shape[-1])), axis=1)

    def some(inputs: Tensor) -> Tensor:
        if models.views == 1:
            return tuple(models.last(list(view(inputs))))
        found = view(tf.reshape(inputs, (-1, *models.view.input_shape[1:])))
        return tuple(models.last([mean(each) for each in found]))

    @tf.function(input_signature=[tf.TensorSpec((None, *fitted.shape), fitted.dtype)], autograph=False)
    def call(inputs: Tensor) -> Tensor:
        return tf.cond(
            tf.shape(inputs)[0] > 0,
            lambda: some(inputs),
            lambda: tuple(tf.zeros((0, width), tf.float32) for width in widths),
        )

    return call.get_concrete_function()
