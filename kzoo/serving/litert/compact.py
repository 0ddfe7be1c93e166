"""The content of a LiteRT file as objects that can be changed, and back, smaller than the converter writes it."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

IDENTIFIER = b"TFL3"

ALIGNMENT = 16
"""Bytes to which the schema aligns weights."""


def unpacked(content: bytes) -> Any:
    """A ``ModelT`` of TensorFlow Lite's schema."""
    return schema.ModelT.InitFromPackedBuf(content, 0)


def packed(model: Any, *, names: bool = False) -> bytes:
    """The content of a file, in which equal vectors are there once.

    A quantized file has a scale and a zero point, 12 bytes, for each channel of each kernel and bias, and nearly all
    zero points are 0: in MobileNetV2 0.35 these are a sixth of the file. Without `names`, tensors between inputs and
    outputs have none: no runtime reads them.
    """
    for graph in [] if names else model.subgraphs:
        shown = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in shown:
                tensor.name = None
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Writes a vector once, and refers to it from everywhere."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """The place of a vector with these values."""
        key = x.dtype.str, x.tobytes()
        if key not in self.written:
            if x.dtype == np.uint8:
                self.Prep(ALIGNMENT, x.size)
            self.written[key] = super().CreateNumpyVector(x)
        return self.written[key]
