"""Warm-up requests, which TensorFlow Serving replays when it loads a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

NAME = "tf_serving_warmup_requests"


def write_warmup(folder: Path, *, model: str, name: str, inputs: Sequence[np.ndarray]) -> None:
    """Writes a TFRecord of ``tensorflow.serving.PredictionLog``, one request for each batch.

    The messages are put together by hand, from the field numbers of tensorflow_serving/apis/prediction_log.proto,
    predict.proto and model.proto, so that writing them needs no package of TensorFlow Serving.
    """
    with tf.io.TFRecordWriter(str(folder / NAME)) as writer:
        for batch in inputs:
            tensor = tf.make_tensor_proto(batch).SerializeToString()
            entry = _field(1, name.encode()) + _field(2, tensor)
            request = _field(1, _field(1, model.encode()) + _field(3, b"serving_default")) + _field(2, entry)
            writer.write(_field(6, _field(1, request)))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
