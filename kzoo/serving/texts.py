"""Signatures of text models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.serving.signatures import Function, named, traced_once

SAMPLE_TEXTS = [
    "a stirring, funny and finally transporting film",
    "房间很大,床有2米宽",
    "Ünïcödé & 123 \U0001f600!",
    "",
]
"""Texts to check an export with."""


def text_signatures(
    *, tokenize: Callable[[Any], Any], answer: keras.Model, size: int, labels: Sequence[str], kind: str
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted text model serves, with their input specifications.

    Args:
        tokenize: from strings (B,) to token ids, int32 (B, size).
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        size: tokens.
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: texts, string (B,); ``tokens``: token ids, int32 (B, size), for servers that lack the
        operations of a tokenizer; each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: texts to ``features``, float32 (B, width).
    """
    names = tf.constant(list(labels))
    call = traced_once(answer, (size,), tf.int32)
    strings = [tf.TensorSpec((None,), tf.string, name="text")]
    return {
        "serving_default": (lambda text: named(call(tokenize(text))[0], names, kind=kind), strings),
        "tokens": (
            lambda tokens: named(call(tokens)[0], names, kind=kind),
            [tf.TensorSpec((None, size), tf.int32, name="tokens")],
        ),
        "features": (lambda text: {"features": call(tokenize(text))[1]}, strings),
    }
