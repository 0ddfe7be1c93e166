"""Trunk and tail: what is frozen runs once for each example and view; the rest trains on what it gave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Cut:
    """A model in two parts that share its layers.

    Args:
        trunk: from the model's input to the tensors at the cut; None where the cut is the input itself.
        tail: from the tensors at the cut to the model's output.
    """

    trunk: keras.Model | None
    tail: keras.Model

    def bytes_an_example(self) -> int:
        """Bytes of the float32 activations at the cut, for one example."""
        return sum(4 * int(np.prod([size or 1 for size in tensor.shape[1:]])) for tensor in self.tail.inputs)

    @cached_property
    def below(self) -> Callable[..., list[Any]]:
        """The trunk as a function of a batch of pictures."""
        return compiled(self.trunk) if self.trunk else lambda pictures: [pictures]


def cut(model: keras.Model, tensors: Sequence[Any]) -> Cut:
    """Splits a model at `tensors`."""
    tail = keras.Model(pack(tensors), model.output, name="tail")
    if len(tensors) == 1 and tensors[0] is model.input:
        return Cut(None, tail)
    return Cut(keras.Model(model.input, list(tensors), name="trunk"), tail)


def compiled(model: keras.Model) -> Callable[..., list[Any]]:
    """The model without dropout, traced once for all batch sizes: from its inputs to a list of its outputs."""
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    return tf.function(
        lambda *inputs: keras.tree.flatten(model(pack(inputs), training=False)), input_signature=signature
    )


def pack(values: Sequence[Any]) -> Any:
    """What a model of that many inputs is called with."""
    return values[0] if len(values) == 1 else list(values)


def run(
    below: Callable[..., list[Any]], dataset: tf.data.Dataset, *, total: int, bar: tqdm
) -> tuple[Arrays, np.ndarray]:
    """Activations of a trunk over a dataset, in its order.

    Args:
        below: from a batch of pictures to the tensors at the cut.
        dataset: batches of pictures, or of pictures and targets.
        total: number of examples.
        bar: progress, in examples.

    Returns:
        Arrays (total, ...), one for each tensor at the cut, and the targets; none of these where the dataset has none.
    """
    arrays: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    start = 0
    for batch in dataset:
        pictures, wanted = batch if isinstance(batch, tuple) else (batch, None)
        outputs = [output.numpy() for output in below(pictures)]
        arrays = arrays or [np.empty((total, *output.shape[1:]), output.dtype) for output in outputs]
        for array, output in zip(arrays, outputs, strict=True):
            array[start : start + len(output)] = output
        start += len(outputs[0])
        if wanted is not None:
            targets.append(wanted.numpy())
        bar.update(len(outputs[0]))
    if start != total:
        raise RuntimeError(f"The pipeline gave {start} examples, {total} were wanted.")
    return tuple(arrays), np.concatenate(targets) if targets else np.zeros((0, 0), np.float32)


def forward(call: Callable[..., list[Any]], arrays: Sequence[np.ndarray], *, batch_size: int) -> np.ndarray:
    """The output of a `compiled` model on arrays, in batches of one size: the last is padded, and cut again.

    So an example's result does not depend on how many others it is asked for with.
    """
    outputs = []
    for start in range(0, len(arrays[0]), batch_size):
        parts = [array[start : start + batch_size] for array in arrays]
        missing = batch_size - len(parts[0])
        if missing:
            parts = [np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1)) for part in parts]
        outputs.append(call(*map(tf.constant, parts))[0].numpy()[: batch_size - missing])
    return np.concatenate(outputs)


def budget() -> int:
    """Bytes of activations to hold in memory: half of what is free now, for this machine and this container.

    2 GB where the system does not tell.
    """
    free = []
    with contextlib.suppress(OSError, StopIteration, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free.append(limit - used)
    return max(min(free, default=4 << 30), 0) // 2
