"""Signatures: the named functions of an exported model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Function = Callable[..., dict[str, Any]]


def image_signatures(
    *,
    decode: Callable[[Any], Any],
    fit: Callable[[Any], Any],
    answer: keras.Model,
    size: int,
    channels: int,
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted picture model serves, with their input specifications.

    Args:
        decode: encoded picture (scalar string) to uint8 (H, W, C).
        fit: pixels to float32 (..., size, size, C) in 0..255.
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        size: height and width, pixels.
        channels: 3 or 1.
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: encoded pictures, string (B,); ``tensor``: pixels, uint8 (B, H, W, C); ``tensor_float``:
        the same as float32 in 0..255; each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: encoded pictures to ``features``, float32 (B, width).
    """
    names = tf.constant(list(labels))
    call = traced_once(answer, (size, size, channels), tf.float32)

    def from_bytes(image: Any) -> Any:
        pictures = tf.map_fn(
            lambda encoded: fit(decode(encoded)),
            image,
            fn_output_signature=tf.TensorSpec((size, size, channels), tf.float32),
        )
        return tf.ensure_shape(pictures, (None, size, size, channels))

    def say(pictures: Any) -> dict[str, Any]:
        return named(call(pictures)[0], names, kind=kind)

    encoded = [tf.TensorSpec((None,), tf.string, name="image")]
    pixels = (None, None, None, channels)
    return {
        "serving_default": (lambda image: say(from_bytes(image)), encoded),
        "tensor": (lambda image: say(fit(image)), [tf.TensorSpec(pixels, tf.uint8, name="image")]),
        "tensor_float": (lambda image: say(fit(image)), [tf.TensorSpec(pixels, tf.float32, name="image")]),
        "features": (lambda image: {"features": call(from_bytes(image))[1]}, encoded),
    }


def named(outputs: Any, names: Any, *, kind: str) -> dict[str, Any]:
    """Outputs (B, K) as a signature gives them: labels and probabilities, or values."""
    if kind == "regression":
        return {"values": outputs}
    if kind == "classification":
        return {"labels": tf.gather(names, tf.argmax(outputs, axis=1)), "probabilities": outputs}
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


def sample_pictures(size: int, *, channels: int = 3, count: int = 3) -> tuple[list[bytes], np.ndarray]:
    """Pictures to check an export with, the same each time.

    Returns:
        Noise of several shapes, as JPEG and PNG; and the pixels of the first, uint8 (1, H, W, channels).
    """
    rng = np.random.default_rng(0)
    shapes = [(size, size), (size * 2 // 3, size), (size, size // 2 + 1)]
    pictures = []
    for number in range(count):
        height, width = shapes[number % len(shapes)]
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        encode = tf.io.encode_jpeg if number % 2 == 0 else tf.io.encode_png
        pictures.append(encode(pixels).numpy())
    decoded = tf.io.decode_image(pictures[0], channels=channels, expand_animations=False)
    return pictures, decoded[None].numpy()
