"""Recordings as an exported model takes them: as wav files, or as waveforms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Batch
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import middle
from kzoo.data.file_column import load
from kzoo.data.seams import ServedInput


def serve_recordings(preprocessor: AudioPreprocessor) -> ServedInput:
    """Wav files of 16 bits, of any rate, string (B,); ``waveform``: samples in [-1, 1], float32 (B, T)."""
    return ServedInput(
        batch=tf.TensorSpec((None,), tf.string, name="audio"),
        read_one=preprocessor.read,
        tensors={"waveform": (tf.TensorSpec((None, None), tf.float32, name="waveform"), preprocessor.fit)},
        described=(
            "- `serving_default`: `audio`, wav files of 16 bits, of any rate, string (B,)",
            "- `waveform`: `waveform`, samples in [-1, 1] at the rate of the input, float32 (B, T)",
            "- `features`: `audio`; returns `features`, the embedding",
        ),
    )


def sample_recordings(
    preprocessor: AudioPreprocessor, examples: Sequence[str | bytes]
) -> dict[str, tuple[Batch, Batch]]:
    """Inputs of each signature by name, and the same inputs for `Adapted.predict`.

    Args:
        preprocessor: the model's.
        examples: paths and wav files; noise where there are none.
    """
    rate, samples = preprocessor.front.rate, preprocessor.samples
    files = [load(example) for example in examples] or generate_recordings(rate, samples)
    waves = np.stack([middle(preprocessor.decode(file)[None], samples)[0] for file in files])
    return {"serving_default": (files, files), "waveform": (waves, files), "features": (files, files)}


def generate_recordings(rate: int, samples: int) -> list[bytes]:
    """Recordings to check an export with where there are no real ones: noise of several lengths and rates."""
    rng = np.random.default_rng(0)
    made = []
    for length, own in ((samples, rate), (samples // 2 + 1, 8_000), (2 * samples, 44_100)):
        wave = rng.uniform(-0.5, 0.5, (length, 1)).astype(np.float32)
        made.append(tf.audio.encode_wav(wave, own).numpy())
    return made
