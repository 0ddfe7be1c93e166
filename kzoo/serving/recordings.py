"""Signatures of models that listen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.signatures import Function, named, traced_once


def audio_signatures(
    *,
    decode: Callable[[Any], Any],
    fit: Callable[[Any], Any],
    answer: keras.Model,
    shape: Sequence[int],
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted model of recordings serves, with their input specifications.

    Args:
        decode: wav file (scalar string) to a waveform (T,).
        fit: waveforms (T,) or (B, T) to features (..., steps, values).
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        shape: (steps, values).
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: wav files of 16 bits, of any rate, string (B,); ``waveform``: samples in [-1, 1] at the
        front end's rate, float32 (B, T); each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: wav files to ``features``, float32 (B, width).
    """
    names = tf.constant(list(labels))
    call = traced_once(answer, shape, tf.float32)

    def from_bytes(audio: Any) -> Any:
        features = tf.map_fn(
            lambda encoded: fit(decode(encoded)), audio, fn_output_signature=tf.TensorSpec(tuple(shape), tf.float32)
        )
        return tf.ensure_shape(features, (None, *shape))

    encoded = [tf.TensorSpec((None,), tf.string, name="audio")]
    return {
        "serving_default": (lambda audio: named(call(from_bytes(audio))[0], names, kind=kind), encoded),
        "waveform": (
            lambda waveform: named(call(fit(waveform))[0], names, kind=kind),
            [tf.TensorSpec((None, None), tf.float32, name="waveform")],
        ),
        "features": (lambda audio: {"features": call(from_bytes(audio))[1]}, encoded),
    }


def sample_recordings(rate: int, samples: int) -> tuple[list[bytes], np.ndarray]:
    """Recordings to check an export with, the same each time: noise of several lengths and rates as wav files.

    Returns:
        The files; and a waveform, float32 (1, samples).
    """
    rng = np.random.default_rng(0)
    made = []
    for length, own in ((samples, rate), (samples // 2 + 1, 8_000), (2 * samples, 44_100)):
        wave = rng.uniform(-0.5, 0.5, (length, 1)).astype(np.float32)
        made.append(tf.audio.encode_wav(wave, own).numpy())
    return made, rng.uniform(-0.5, 0.5, (1, samples)).astype(np.float32)
