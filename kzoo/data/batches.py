"""Batches: examples to what a backbone takes, in parallel, in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.data.audit import sources
from kzoo.data.augmentation import PRESETS, augment_picture, mix
from kzoo.data.image import Preprocessor


def batches(column: np.ndarray, *, preprocessor: Preprocessor, batch_size: int = 64) -> tf.data.Dataset:
    """Batches (B, S, S, C), float32, scaled for the backbone, of an image column, in its order."""
    dataset = _decoded(column, preprocessor).map(preprocessor.fit, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size).map(preprocessor.scale, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(2)


def view(
    column: np.ndarray,
    targets: np.ndarray,
    *,
    preprocessor: Preprocessor,
    augmentation: str,
    seed: int,
    number: int = 0,
    mixable: bool = True,
    batch_size: int = 64,
    scaled: bool = True,
) -> tf.data.Dataset:
    """One augmented version of every example, as batches of pictures and targets, in an order of its own.

    Args:
        column: an image column of N examples.
        targets: float32 (N, outputs); what comes out may be mixed.
        preprocessor: the backbone's.
        augmentation: a name of `PRESETS`, or ``"none"``.
        seed: of the run.
        number: which version.
        mixable: whether targets may be mixed.
        batch_size: examples a batch.
        scaled: False leaves pixels in 0..255, to look at.
    """
    order = np.random.default_rng((seed, number)).permutation(len(column))
    dataset = _decoded(column[order], preprocessor)
    labels = tf.data.Dataset.from_tensor_slices(targets[order])
    if augmentation == "none":
        dataset = dataset.map(preprocessor.fit, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = tf.data.Dataset.zip((dataset, labels)).batch(batch_size)
    else:
        dataset = _augmented(dataset, labels, augmentation, preprocessor, (seed, number), mixable, batch_size)
    if scaled:
        dataset = dataset.map(lambda x, y: (preprocessor.scale(x), y), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(2)


def _augmented(
    dataset: tf.data.Dataset,
    labels: tf.data.Dataset,
    augmentation: str,
    preprocessor: Preprocessor,
    seed: tuple[int, int],
    mixable: bool,
    batch_size: int,
) -> tf.data.Dataset:
    preset = PRESETS[augmentation]
    start = tf.constant([seed[0] * 7919 + seed[1], 0], tf.int32)

    def change(index: Any, picture: Any) -> Any:
        drawn = start + tf.stack([0, tf.cast(index, tf.int32)])
        return augment_picture(picture, preset=preset, preprocessor=preprocessor, seed=drawn)

    dataset = dataset.enumerate().map(change, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = tf.data.Dataset.zip((dataset, labels)).batch(batch_size)
    if not (preset.mix and mixable):
        return dataset

    def mixed(number: Any, batch: Any) -> Any:
        drawn = start + tf.stack([1 << 20, tf.cast(number, tf.int32)])
        return mix(*batch, share=preset.mix, seed=drawn)

    return dataset.enumerate().map(mixed, num_parallel_calls=tf.data.AUTOTUNE)


def _decoded(column: np.ndarray, preprocessor: Preprocessor) -> tf.data.Dataset:
    """Single pictures, (H, W, C), C as the backbone takes it."""
    if column.dtype != object:
        return tf.data.Dataset.from_tensor_slices(column).map(preprocessor.colour)
    dataset = tf.data.Dataset.from_tensor_slices(sources(column))

    def decode(value: Any, path: Any) -> Any:
        encoded = tf.cond(path, lambda: tf.io.read_file(value), lambda: value)
        return preprocessor.decode(encoded)

    return dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
