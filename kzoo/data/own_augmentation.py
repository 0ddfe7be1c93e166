"""An augmentation of the user's: a Keras layer, or a callable on one example."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.seams import Modality, Preprocessor
from kzoo.specs.phases import OWN, check_augmentation
from kzoo.specs.training_options import TrainingOptions, name_of


@dataclass(frozen=True)
class OwnAugmentation:
    """A random change of one example, in training only.

    Args:
        function: a Keras layer, or a callable from one example to one.
        name: in messages and records.
        key: identifier for cached activations. For layers of Keras it is a hash of the config; for others it is new in
            each run, so that cached activations are not reused.
    """

    function: Callable[..., Any]
    name: str
    key: str

    def __call__(self, example: Tensor) -> Tensor:
        """One example after the change, a tensor of the same dtype and static shape, in a graph or eagerly."""
        if isinstance(self.function, keras.layers.Layer):
            changed = tf.cast(self.function(example[None], training=True)[0], example.dtype)
        else:
            changed = tf.numpy_function(self._call, [example], example.dtype)
        return tf.ensure_shape(changed, example.shape)

    def _call(self, example: np.ndarray | bytes) -> np.ndarray | bytes:
        """The change of a NumPy array, or of a string."""
        if isinstance(example, np.ndarray) and example.dtype == object:
            example = example.item()  # outside of a graph TensorFlow 2.21 gives an array of one string
        if isinstance(example, bytes):
            changed = self.function(example.decode())
            if not isinstance(changed, str):
                raise ValueError(f"The augmentation {self.name!r} must return a str. Got {type(changed).__name__}.")
            return changed.encode()
        changed = np.asarray(self.function(example.copy()))
        if changed.shape != example.shape or not np.isfinite(changed).all():
            raise ValueError(
                f"The augmentation {self.name!r} must return finite numbers of shape {example.shape}. "
                f"Got shape {changed.shape}."
            )
        return changed.astype(example.dtype)


def with_own_augmentation(options: TrainingOptions) -> TrainingOptions:
    """The same options, their augmentation a checked name, an `OwnAugmentation`, or None."""
    if options.augmentation is None or isinstance(options.augmentation, str | OwnAugmentation):
        if options.augmentation == OWN:
            raise ValueError("augmentation='own' is not allowed. Pass a Keras layer, or a callable on one example.")
        check_augmentation(options.augmentation if isinstance(options.augmentation, str) else None)
        return options
    return dataclasses.replace(options, augmentation=own_augmentation(options.augmentation))


def own_of(options: TrainingOptions) -> OwnAugmentation | None:
    """The augmentation of the user's, where there is one."""
    return options.augmentation if isinstance(options.augmentation, OwnAugmentation) else None


def own_augmentation(function: object) -> OwnAugmentation:
    """An augmentation of a Keras layer or a callable.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            "augmentation must be 'none', 'light', 'medium', 'strong', a Keras layer, or a callable on one example. "
            f"Got {function!r}."
        )
    return OwnAugmentation(function, name_of(function), _key_of(function))


def check_own(own: OwnAugmentation, modality: Modality, column: np.ndarray, preprocessor: Preprocessor) -> None:
    """Tries an augmentation on the first example.

    Raises:
        ValueError: it fails, changes the shape, or returns numbers that are not finite.
    """
    reader = modality.reader(column[:1], preprocessor, own=own)
    index = tf.constant(0, tf.int64)
    plain = reader.load(index, "none", [0])
    try:
        found = reader.load(index, OWN, [0])
    except Exception as error:
        lines = str(error).strip().splitlines()
        told = next((line for line in lines if "must return" in line), lines[0] if lines else "")
        raise ValueError(
            f"The augmentation {own.name!r} failed on one {modality.noun}: {type(error).__name__}: {told[:300]}"
        ) from error
    if found.shape != plain.shape or not np.isfinite(found.numpy()).all():
        raise ValueError(
            f"The augmentation {own.name!r} must return finite numbers of the same shape. "
            f"It turned one {modality.noun} of shape {tuple(plain.shape[1:])} into {tuple(found.shape[1:])}."
        )


def _key_of(function: object) -> str:
    """A hash of the config for layers of Keras; a unique number for anything else."""
    if isinstance(function, keras.layers.Layer) and type(function).__module__.startswith("keras."):
        config = {key: value for key, value in function.get_config().items() if key != "name"}
        try:
            plain = json.dumps([type(function).__name__, config], sort_keys=True)
        except TypeError:
            return uuid.uuid4().hex
        return hashlib.sha256(plain.encode()).hexdigest()
    return uuid.uuid4().hex
