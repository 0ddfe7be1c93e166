"""Options that all tf.data pipelines share."""

from __future__ import annotations

import os

import tensorflow as tf

PARALLEL = os.cpu_count() or 1
"""Examples that are read at once."""


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without autotuning, which makes the end of each iteration wait for a thread (TensorFlow 2.21)."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
