"""Ranges of activations in 8 bits: not from the least to the greatest, but where the squared error is least."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from kzoo.serving.litert.compact import packed, unpacked
from kzoo.serving.litert.interpreter import interpreter_of

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Parts of the whole range that are compared."""

MEASURED = 25
"""Examples by which they are."""

VALUES = 20_000
"""Most values of an activation that are looked at, by example."""


def narrow_ranges(content: bytes, examples: np.ndarray) -> bytes:
    """A calibrated file with narrower ranges, where that loses less than the few values outside are worth.

    Args:
        content: of a file whose activations have a least and a greatest value.
        examples: preprocessed (N, ...).
    """
    model = unpacked(content)
    (graph,) = model.subgraphs
    ranges = {
        index: (float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
        for index, tensor in enumerate(graph.tensors)
        if _has_range(model, tensor)
    }
    errors = {index: np.zeros(len(SHARES)) for index in ranges}
    interpreter = interpreter_of(content, all_tensors=True)
    interpreter.allocate_tensors()
    (into,) = interpreter.get_input_details()
    for example in examples[:: max(1, len(examples) // MEASURED)]:
        interpreter.set_tensor(into["index"], example[None])
        interpreter.invoke()
        for index, (low, high) in ranges.items():
            values = interpreter.get_tensor(index).ravel()
            values = values[:: max(1, len(values) // VALUES)]
            errors[index] += [_squared_error(values, share * low, share * high) for share in SHARES]
    for index, (low, high) in ranges.items():
        share = SHARES[int(errors[index].argmin())]
        quantization = graph.tensors[index].quantization
        quantization.min, quantization.max = (np.array([share * value], np.float32) for value in (low, high))
    return packed(model, names=True)


def _has_range(model: Any, tensor: Any) -> bool:
    found = tensor.quantization
    computed = tensor.type == schema.TensorType.FLOAT32 and model.buffers[tensor.buffer].data is None
    return computed and found is not None and found.min is not None and len(found.min) == 1


def _squared_error(values: np.ndarray, low: float, high: float) -> float:
    """Of values as integers in 0..255 whose range has 0 in it."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = max((high - low) / 255, 1e-12)
    zero = np.round(-low / step)
    return float(np.square((np.clip(np.round(values / step) + zero, 0, 255) - zero) * step - values).mean())
