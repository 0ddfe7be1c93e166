"""Seeds of augmented views: they depend on the run, the number of the view and the content only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def marks(digests: Sequence[str], count: int) -> Tensor:
    """A number for each example, int32 (N,), that follows from its content; without digests, its index."""
    found = [int(digest[:8], 16) & 0x3FFFFFFF for digest in digests] or range(count)
    with tf.init_scope():
        return tf.constant(list(found), tf.int32)


def first(seed: int) -> Tensor:
    """The number to which the numbers of views are added, int32."""
    return tf.constant(np.int64(seed * 7919).astype(np.int32))


def seeds_of(seed: int, numbers: Tensor, mark: Tensor) -> Tensor:
    """A seed, int32 (2,), for each version of one example.

    Args:
        seed: of the run.
        numbers: of the versions, (V,), V known.
        mark: of the example, see `marks`.
    """
    return [tf.stack([first(seed) + tf.cast(number, tf.int32), mark]) for number in items(numbers)]


def items(numbers: Tensor) -> Sequence[Tensor]:
    """Numbers one by one, of a tensor or a sequence."""
    return tf.unstack(numbers) if tf.is_tensor(numbers) else list(numbers)


def version_key(
    preprocessor: DataclassInstance, preset: DataclassInstance | None, *, seed: int, own: str | None = None
) -> dict[str, object]:
    """Everything besides content and number that a view of an example depends on, as plain values.

    Args:
        preprocessor: a dataclass. Only its hash is kept, because a vocabulary makes it large.
        preset: of the augmentation, a dataclass; None where nothing is drawn.
        seed: of the run.
        own: key of an augmentation of the user's, or None.
    """
    plain = json.dumps(dataclasses.asdict(preprocessor), sort_keys=True, default=repr)
    values = {
        "preprocessor": hashlib.sha256(plain.encode()).hexdigest(),
        "preset": dataclasses.asdict(preset) if preset else None,
        "seed": seed if preset or own else None,
    }
    # Without an own augmentation the key is unchanged, so activations of an older kzoo are found.
    return {**values, "own": own} if own else values
