"""Signatures of image models: the named functions of an exported model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.batch_items import Read, reader, spread

Function = Callable[..., dict[str, Any]]


def image_signatures(
    *,
    read: Read,
    fit: Callable[[Any], Any],
    answer: keras.Model,
    size: int,
    channels: int,
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted image model serves, with their input specifications.

    Args:
        read: from an encoded image (scalar string) to float32 (size, size, C) in 0..255 and an empty string, or the
            reason why it is bad; see `kzoo.serving.batch_items`.
        fit: pixels to float32 (..., size, size, C) in 0..255.
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        size: height and width, pixels.
        channels: 3 or 1.
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: encoded images, string (B,); ``tensor``: pixels, uint8 (B, H, W, C); ``tensor_float``:
        the same as float32 in 0..255; each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: encoded images to ``features``, float32 (B, width). Signatures of encoded
        images also give ``errors``, string (B,): empty, or why an image has no answer; its label is empty then, and its
        numbers are NaN.
    """
    call = traced_once(answer, (size, size, channels), tf.float32)
    spec = tf.TensorSpec((size, size, channels), tf.float32)
    pixels = (None, None, None, channels)

    def say(image: Any) -> dict[str, Any]:
        return named(call(fit(image))[0], labels, kind=kind)

    answers, embeds = string_functions(reader(read, spec), call, labels, kind=kind)
    encoded = [tf.TensorSpec((None,), tf.string, name="image")]
    return {
        "serving_default": (lambda image: answers(image), encoded),
        "features": (lambda image: embeds(image), encoded),
        "tensor": (say, [tf.TensorSpec(pixels, tf.uint8, name="image")]),
        "tensor_float": (say, [tf.TensorSpec(pixels, tf.float32, name="image")]),
    }


def string_functions(
    read: Callable[[Any], tuple[Any, Any]], call: Callable[[Any], Any], labels: Sequence[str], *, kind: str
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What answers strings (B,), and what embeds them; both mark bad ones in ``errors``, string (B,).

    Args:
        read: from strings (B,) to features of the good ones and reasons against the others; see
            `kzoo.serving.batch_items`.
        call: from features to outputs and embeddings, of `traced_once`.
        labels: names of the outputs.
        kind: kind of the task.
    """

    def answer(strings: Any) -> dict[str, Any]:
        features, errors = read(strings)
        return {**named(spread(call(features)[0], errors), labels, kind=kind), "errors": errors}

    def embed(strings: Any) -> dict[str, Any]:
        features, errors = read(strings)
        return {"features": spread(call(features)[1], errors), "errors": errors}

    return answer, embed


def named(outputs: Any, labels: Sequence[str], *, kind: str) -> dict[str, Any]:
    """Outputs (B, K) as a signature gives them: labels and probabilities, or values; no label where one is NaN."""
    if kind == "regression":
        return {"values": outputs}
    names = tf.constant(list(labels))
    if kind == "classification":
        found = tf.gather(names, tf.argmax(outputs, axis=1))
        bad = tf.reduce_any(tf.math.is_nan(outputs), axis=1)
        return {"labels": tf.where(bad, "", found), "probabilities": outputs}
    return {"labels": _joined(names, outputs >= 0.5), "probabilities": outputs}


def traced_once(model: keras.Model, shape: Sequence[int], dtype: Any) -> Callable[[Any], Any]:
    """The model as one function that all signatures call; of no examples, it gives no output.

    A convolution of an empty batch is wrong on CPU (TensorFlow 2.21).
    """
    widths = [each[-1] for each in model.output_shape]

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), dtype)], autograph=False)
    def call(inputs: Any) -> Any:
        return tf.cond(
            tf.shape(inputs)[0] > 0,
            lambda: tuple(model(inputs, training=False)),
            lambda: tuple(tf.zeros((0, width), tf.float32) for width in widths),
        )

    # One graph: a function that is traced again by its second caller would hold its constants twice.
    return call.get_concrete_function()


def _joined(names: Any, on: Any) -> Any:
    """The names of the labels that are on, joined by commas, string (B,)."""
    kept = tf.ragged.boolean_mask(tf.broadcast_to(names, tf.shape(on)), on)
    return tf.strings.reduce_join(kept, axis=1, separator=",")


def sample_pictures(size: int, *, count: int = 6) -> list[bytes]:
    """Images to check an export with where there are no real ones, the same each time.

    Returns:
        Noise of several shapes and colours, as JPEG and PNG.
    """
    rng = np.random.default_rng(0)
    shapes = [(size, size), (size * 2 // 3 + 1, size), (size, size // 2 + 1)]
    pictures = []
    for number in range(count):
        pixels = rng.integers(0, 156, (*shapes[number % len(shapes)], 3), dtype=np.uint8)
        pixels[..., number // 2 % 3] += 100
        encode = tf.io.encode_jpeg if number % 2 == 0 else tf.io.encode_png
        pictures.append(encode(pixels).numpy())
    return pictures
