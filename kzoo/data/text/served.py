"""Texts as an exported model takes them: as strings, or as token ids."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kzoo.core.tensors import Batch, Tensor
from kzoo.data.joint import JointTextPreprocessor
from kzoo.data.seams import ServedInput
from kzoo.data.text.preprocess import TextPreprocessor

SAMPLE_TEXTS = [
    "a stirring, funny and finally transporting film",
    "房间很大,床有2米宽",
    "Ünïcödé & 123 \U0001f600!",
]
"""Texts to check an export with, besides real ones."""


def serve_texts(preprocessor: TextPreprocessor | JointTextPreprocessor) -> ServedInput:
    """Texts, string (B,); ``tokens``: token ids, int32 (B, size), for servers that lack a tokenizer's operations."""

    def read(texts: Tensor) -> tuple[Tensor, Tensor]:
        cleaned, errors = preprocessor.clean(texts)
        return preprocessor.fit(tf.boolean_mask(cleaned, errors == "")), errors

    return ServedInput(
        batch=tf.TensorSpec((None,), tf.string, name="text"),
        read=read,
        tensors={"tokens": (tf.TensorSpec((None, preprocessor.size), tf.int32, name="tokens"), lambda ids: ids)},
        described=(
            "- `serving_default`: `text`, string (B,)",
            "- `tokens`: `tokens`, token ids, int32 (B, T), for servers without TensorFlow Text",
            "- `features`: `text`; returns `features`, the embedding",
        ),
    )


def sample_texts(
    preprocessor: TextPreprocessor | JointTextPreprocessor, examples: Sequence[str]
) -> dict[str, tuple[Batch, Batch]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: texts; `SAMPLE_TEXTS` come after them.
    """
    texts = [*examples, *SAMPLE_TEXTS]
    tokens = preprocessor.fit(tf.constant(texts)).numpy()
    return {"serving_default": (texts, texts), "tokens": (tokens, texts), "features": (texts, texts)}
