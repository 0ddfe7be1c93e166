"""Trunk and tail: frozen layers run once for each example and view; the rest trains on their output."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.training.freezing import within


@dataclass(frozen=True)
class Cut:
    """A model in two parts that share its layers.

    Args:
        trunk: from the model's input to the tensors at the cut; None where the cut is the input itself.
        tail: from the tensors at the cut to the model's output.
    """

    trunk: keras.Model | None
    tail: keras.Model


def cut(model: keras.Model, tensors: Sequence[Any]) -> Cut:
    """Splits a model at `tensors`."""
    tail = keras.Model(pack(tensors), model.output, name="tail")
    if len(tensors) == 1 and tensors[0] is model.input:
        return Cut(None, tail)
    return Cut(keras.Model(model.input, list(tensors), name="trunk"), tail)


def numbers_at(tensors: Sequence[Any], model: keras.Model) -> int:
    """Numbers that cross a cut for one example; 0 where it is the example itself, and nothing is below."""
    if tensors[0] is model.input:
        return 0
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)


def compiled(model: keras.Model) -> Callable[..., list[Any]]:
    """The model without dropout, traced once for all batch sizes: from its inputs to a list of its outputs."""
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    call = tf.function(
        lambda *inputs: keras.tree.flatten(model(pack(inputs), training=False)), input_signature=signature
    )
    # The graph itself: TensorFlow counts the functions made here, and warns of too many.
    return call.get_concrete_function()


def pack(values: Sequence[Any]) -> Any:
    """What a model of that many inputs is called with."""
    return values[0] if len(values) == 1 else list(values)


def forward(call: Callable[..., list[Any]], arrays: Sequence[Any], *, batch_size: int) -> np.ndarray:
    """The output of a `compiled` model on arrays, in batches of one size: the last is padded, and cut again.

    So an example's result does not depend on how many others it is asked for with.
    """
    outputs = []
    for start in range(0, len(arrays[0]), batch_size):
        parts = [np.asarray(array[start : start + batch_size]) for array in arrays]
        missing = batch_size - len(parts[0])
        if missing:
            parts = [np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1)) for part in parts]
        outputs.append(call(*map(tf.constant, parts))[0].numpy()[: batch_size - missing])
    return np.concatenate(outputs)


def forward_batches(call: Callable[..., list[Any]], batches: Iterable[Sequence[Any]], *, batch_size: int) -> np.ndarray:
    """The output of a `compiled` model on all batches, one below the other; see `forward`."""
    return np.concatenate([forward(call, batch, batch_size=batch_size) for batch in batches])


def fingerprint(model: keras.Model) -> str:
    """SHA-256 of all that a model's outputs follow from: its graph, its weights, its code's versions.

    Layers are told apart by their place, not by their name, which differs from one process to the next. Of layers that
    are not Keras's own, the source is part of it.
    """
    digest = hashlib.sha256(_structure(model).encode())
    digest.update(" ".join(version(name) for name in ("keras", "tensorflow")).encode())
    layers = [each for operation in model.operations for each in within(operation)]
    for kind in dict.fromkeys(type(layer) for layer in layers):
        if not kind.__module__.startswith("keras."):
            with contextlib.suppress(OSError, TypeError):
                digest.update(inspect.getsource(kind).encode())
    for weight in model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()


def _structure(model: keras.Model) -> str:
    """A model's configuration, with layers numbered instead of named."""
    try:
        config = model.get_config()
    except NotImplementedError:
        # A layer that does not tell what it is made from: its activations are known in this process only.
        return f"{os.getpid()} {id(model.operations[0])} {[operation.name for operation in model.operations]}"
    numbers = {name: f"#{number}" for number, name in enumerate(dict.fromkeys(_names(config)))}

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {each: plain(inner, each if each in _REFERENCES else key) for each, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner, key) for inner in value]
        return numbers.get(value, value) if isinstance(value, str) and key else value

    return json.dumps(plain(config), sort_keys=True, default=repr)


_REFERENCES = ("name", "keras_history", "input_layers", "output_layers")
"""Where layers are named in a configuration."""


def _names(config: Any) -> Iterator[str]:
    """The names of a model and of all layers in it, in the order of its configuration."""
    if isinstance(config, dict):
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = list(config.values())
    if isinstance(config, list | tuple):
        for value in config:
            yield from _names(value)


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
