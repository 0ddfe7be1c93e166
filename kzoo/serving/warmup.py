"""Warm-up requests, which TensorFlow Serving replays when it loads a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

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


def read_warmup(folder: Path) -> Iterator[dict[str, np.ndarray]]:
    """The inputs of the requests that `write_warmup` wrote into a folder, by name; none where there is no such file."""
    if not (folder / NAME).is_file():
        return
    for record in tf.data.TFRecordDataset(str(folder / NAME)).as_numpy_iterator():
        entry = _content(_content(_content(bytes(record), 6), 1), 2)
        proto = tf.make_ndarray(TensorProto.FromString(_content(entry, 2)))
        yield {_content(entry, 1).decode(): proto}


def _content(message: bytes, number: int) -> bytes:
    """The first length-delimited field of that number in a message of such fields."""
    place = 0
    while place < len(message):
        found, place = message[place] >> 3, place + 1
        length = shift = 0
        while True:
            byte, place = message[place], place + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if found == number:
            return message[place : place + length]
        place += length
    raise ValueError(f"A warm-up request has no field {number}.")
