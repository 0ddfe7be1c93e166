"""A model as a function of arrays, traced once, whose results do not depend on the size of the batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.costs import model_flops
from kzoo.core.tensors import Tensor

STEADY_BATCH = 24
"""Examples of a batch in which no example's result depends on its place.

TensorFlow's CPU kernels work on groups of rows (of 4, 6 or 8, by processor), and compute the rows left over at the end
in another way, which may differ in the last bit. 24 examples leave none over.
"""

SMALL_MODEL = 1e7
"""FLOPs of one example below which a call costs more than what it computes."""


def steady_batch(model: keras.Model) -> int:
    """How many examples to give a model at once, so that a result depends neither on its place nor on the others.

    1 on a CPU, unless the model is small: then one example does not cost as much as a whole batch. `forward` computes
    several such batches at the same time.
    """
    alone = model_flops(model) >= SMALL_MODEL and not tf.config.list_physical_devices("GPU")
    return 1 if alone else STEADY_BATCH


def compiled(model: keras.Model) -> Callable[..., list[Tensor]]:
    """The model without dropout, traced once for all batch sizes: from its inputs to a list of its outputs."""
    signature = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    call = tf.function(
        lambda *inputs: keras.tree.flatten(model(pack(inputs), training=False)), input_signature=signature
    )
    # The concrete graph: TensorFlow counts the functions created here and warns about too many.
    return call.get_concrete_function()


def pack(values: Sequence[Tensor]) -> Tensor | list[Tensor]:
    """The argument of a model's call: one tensor by itself, several as a list."""
    return values[0] if len(values) == 1 else list(values)


def forward(call: Callable[..., list[Tensor]], arrays: Sequence[np.ndarray], *, batch_size: int) -> np.ndarray:
    """The output of a `compiled` model on arrays, in batches of one size.

    The last batch is padded and its output is cut. So the result of an example does not depend on how many others there
    are; nor on its place, if `batch_size` is that of `steady_batch`.
    """

    def run(start: int) -> np.ndarray:
        parts = [np.asarray(array[start : start + batch_size]) for array in arrays]
        missing = batch_size - len(parts[0])
        if missing:
            parts = [np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1)) for part in parts]
        return call(*map(tf.constant, parts))[0].numpy()[: batch_size - missing]

    starts = range(0, len(arrays[0]), batch_size)
    if batch_size > 1 or len(starts) == 1:
        return np.concatenate(list(map(run, starts)))
    # One leaves cores idle: several at the same time are as fast as a batch of 8 (MobileNetV2, ResNet50; 2 cores).
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(run, starts)))


def forward_batches(
    call: Callable[..., list[Tensor]], batches: Iterable[Sequence[np.ndarray]], *, batch_size: int
) -> np.ndarray:
    """The output of a `compiled` model on all batches, one below the other; see `forward`."""
    return np.concatenate([forward(call, batch, batch_size=batch_size) for batch in batches])
