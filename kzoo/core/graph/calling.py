"""A model as a function of arrays, traced once, whose results do not depend on the size of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor


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
    are.
    """
    outputs = []
    for start in range(0, len(arrays[0]), batch_size):
        parts = [np.asarray(array[start : start + batch_size]) for array in arrays]
        missing = batch_size - len(parts[0])
        if missing:
            parts = [np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1)) for part in parts]
        outputs.append(call(*map(tf.constant, parts))[0].numpy()[: batch_size - missing])
    return np.concatenate(outputs)


def forward_batches(
    call: Callable[..., list[Tensor]], batches: Iterable[Sequence[np.ndarray]], *, batch_size: int
) -> np.ndarray:
    """The output of a `compiled` model on all batches, one below the other; see `forward`."""
    return np.concatenate([forward(call, batch, batch_size=batch_size) for batch in batches])
