"""Recordings as a report describes them: attributes by which they are divided into slices, and their beginning."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.signal import resample_poly

from kzoo.data.audio.column import decode, encode_wav
from kzoo.data.file_column import load

SECONDS = 4
"""Of a recording that are played."""

HIGHEST_RATE = 16_000
"""Samples a second of what is played, at most: 128 kB for `SECONDS`."""

_NAMES = ("seconds", "loudness (dB)", "rate (Hz)")


def describe_recordings(column: np.ndarray) -> dict[str, np.ndarray]:
    """Duration in seconds, loudness (root mean square, dB below full scale) and sample rate of recordings.

    Args:
        column: an object array (N,) of paths and encoded files.

    Returns:
        float64 (N,) each; NaN for a recording that cannot be read.

    Example:
        >>> wave = encode_wav(np.full(8_000, 0.5, np.float32), rate=8_000)
        >>> {name: values.round(1).tolist() for name, values in describe_recordings(np.array([wave], object)).items()}
        {'seconds': [1.0], 'loudness (dB)': [-6.0], 'rate (Hz)': [8000.0]}
    """
    with ThreadPoolExecutor() as pool:
        rows = np.asarray(list(pool.map(_describe, column)), np.float64).reshape(-1, len(_NAMES))
    return dict(zip(_NAMES, rows.T, strict=True))


def _describe(recording: str | bytes) -> tuple[float, float, float]:
    found = _samples(recording)
    if found is None:
        return math.nan, math.nan, math.nan
    samples, rate = found
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return len(samples) / rate, 10 * math.log10(max(power, 1e-12)), rate


def _samples(recording: str | bytes) -> tuple[np.ndarray, int] | None:
    try:
        samples, rate, _ = decode(load(recording))
    except Exception:  # scipy raises errors of many kinds for damaged files, see `kzoo.data.audio.column`
        return None
    return samples, rate


def recording_excerpt(recording: str | bytes) -> tuple[str, bytes] | None:
    """The first `SECONDS` of a recording as a wav file of one channel; None where it cannot be read."""
    found = _samples(recording)
    if found is None:
        return None
    samples, rate = found
    mono = samples[: SECONDS * rate].mean(axis=1)
    if rate > HIGHEST_RATE:
        common = math.gcd(rate, HIGHEST_RATE)
        mono, rate = resample_poly(mono, HIGHEST_RATE // common, rate // common), HIGHEST_RATE
    return "audio/wav", encode_wav(mono.astype(np.float32), rate=rate)
