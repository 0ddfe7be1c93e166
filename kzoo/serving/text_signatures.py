"""Signatures of text models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.serving.image_signatures import Function, named, string_functions, traced_once

SAMPLE_TEXTS = [
    "a stirring, funny and finally transporting film",
    "房间很大,床有2米宽",
    "Ünïcödé & 123 \U0001f600!",
]
"""Texts to check an export with, besides real ones."""


def text_signatures(
    *,
    clean: Callable[[Any], tuple[Any, Any]],
    tokenize: Callable[[Any], Any],
    answer: keras.Model,
    size: int,
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted text model serves, with their input specifications.

    Args:
        clean: from strings (B,) to texts of bounded length, string (B,), and for each an empty string, or the reason
            why it is bad.
        tokenize: from texts (B,) to token ids, int32 (B, size).
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        size: tokens.
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: texts, string (B,); ``tokens``: token ids, int32 (B, size), for servers that lack the
        operations of a tokenizer; each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: texts to ``features``, float32 (B, width). Signatures of texts also give
        ``errors``, string (B,): empty, or why a text has no answer; its label is empty then, and its numbers are NaN.
    """
    call = traced_once(answer, (size,), tf.int32)

    def read(texts: Any) -> tuple[Any, Any]:
        cleaned, errors = clean(texts)
        good = tf.boolean_mask(cleaned, errors == "")
        return tokenize(good), errors

    answers, embeds = string_functions(read, call, labels, kind=kind)
    strings = [tf.TensorSpec((None,), tf.string, name="text")]
    return {
        "serving_default": (lambda text: answers(text), strings),
        "features": (lambda text: embeds(text), strings),
        "tokens": (
            lambda tokens: named(call(tokens)[0], labels, kind=kind),
            [tf.TensorSpec((None, size), tf.int32, name="tokens")],
        ),
    }
