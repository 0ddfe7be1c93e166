"""Signatures of audio models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.serving.batch_items import Read, reader
from kzoo.serving.image_signatures import Function, named, string_functions, traced_once


def audio_signatures(
    *,
    read: Read,
    fit: Callable[[Any], Any],
    answer: keras.Model,
    shape: Sequence[int],
    labels: Sequence[str],
    kind: str,
) -> dict[str, tuple[Function, list[tf.TensorSpec]]]:
    """The functions that an adapted model of recordings serves, with their input specifications.

    Args:
        read: from a wav file (scalar string) to features (steps, values) and an empty string, or the reason why it is
            bad; see `kzoo.serving.batch_items`.
        fit: waveforms (B, T) to features (B, steps, values).
        answer: from these to probabilities (B, K), or values, and embeddings (B, width).
        shape: (steps, values).
        labels: names of the outputs.
        kind: kind of the task.

    Returns:
        ``serving_default``: wav files of 16 bits, of any rate, string (B,); ``waveform``: samples in [-1, 1] at the
        front end's rate, float32 (B, T); each gives ``labels``, string (B,), and ``probabilities``, float32 (B, K) (a
        regression: ``values``). ``features``: wav files to ``features``, float32 (B, width). Signatures of files also
        give ``errors``, string (B,): empty, or why a file has no answer; its label is empty then, and its numbers are
        NaN.
    """
    call = traced_once(answer, shape, tf.float32)
    spec = tf.TensorSpec(tuple(shape), tf.float32)
    answers, embeds = string_functions(reader(read, spec), call, labels, kind=kind)
    encoded = [tf.TensorSpec((None,), tf.string, name="audio")]
    return {
        "serving_default": (lambda audio: answers(audio), encoded),
        "features": (lambda audio: embeds(audio), encoded),
        "waveform": (
            lambda waveform: named(call(fit(waveform))[0], labels, kind=kind),
            [tf.TensorSpec((None, None), tf.float32, name="waveform")],
        ),
    }


def sample_recordings(rate: int, samples: int) -> list[bytes]:
    """Recordings to check an export with where there are no real ones: noise of several lengths and rates."""
    rng = np.random.default_rng(0)
    made = []
    for length, own in ((samples, rate), (samples // 2 + 1, 8_000), (2 * samples, 44_100)):
        wave = rng.uniform(-0.5, 0.5, (length, 1)).astype(np.float32)
        made.append(tf.audio.encode_wav(wave, own).numpy())
    return made
