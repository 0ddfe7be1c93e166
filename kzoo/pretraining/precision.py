"""Mixed precision, where a device computes faster with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

NAMES = ("auto", "float32", "mixed_float16", "mixed_bfloat16")

TENSOR_CORES = (7, 0)
"""Compute capability from which on a GPU has units for float16."""


def find_precision(name: str = "auto") -> str:
    """The name of a Keras dtype policy.

    Args:
        name: one of `NAMES`; ``"auto"``: bfloat16 on a TPU, float16 on GPUs that all have units for it, else float32,
            since a CPU gains nothing by less.

    Raises:
        ValueError: it is none of these.
    """
    if name not in NAMES:
        raise ValueError(f"precision must be one of {', '.join(NAMES)}. Got {name!r}.")
    if name != "auto":
        return name
    if tf.config.list_logical_devices("TPU"):
        return "mixed_bfloat16"
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    fast = [tuple(each.get("compute_capability") or (0, 0)) >= TENSOR_CORES for each in details]
    return "mixed_float16" if fast and all(fast) else "float32"


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Layers that are built inside compute in a precision; weights are always float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
