"""Warm-up requests, which TensorFlow Serving replays when it loads a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

NAME = "tf_serving_warmup_requests"


def write_warmup(folder: Path, *, model: str, requests: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Writes a TFRecord of ``tensorflow.serving.PredictionLog``, of requests by the names of their inputs.

    The messages are put together by hand, from the field numbers of tensorflow_serving/apis/prediction_log.proto,
    predict.proto and model.proto, so that writing them needs no package of TensorFlow Serving.
    """
    with tf.io.TFRecordWriter(str(folder / NAME)) as writer:
        for inputs in requests:
            request = _field(1, _field(1, model.encode()) + _field(3, b"serving_default"))
            for name, batch in inputs.items():
                tensor = tf.make_tensor_proto(batch).SerializeToString()
                request += _field(2, _field(1, name.encode()) + _field(2, tensor))
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
        entries = _contents(_contents(_contents(bytes(record), 6)[0], 1)[0], 2)
        yield {
            _contents(entry, 1)[0].decode(): tf.make_ndarray(TensorProto.FromString(_contents(entry, 2)[0]))
            for entry in entries
        }


def _contents(message: bytes, number: int) -> list[bytes]:
    """The length-delimited fields of that number, one or more, in a message of such fields."""
    place = 0
    contents: list[bytes] = []
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
            contents.append(message[place : place + length])
        place += length
    if not contents:
        raise ValueError(f"A warm-up request has no field {number}.")
    return contents
