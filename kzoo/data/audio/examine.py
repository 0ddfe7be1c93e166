"""Remarks on recordings: near duplicates, quiet ones, and unusual lengths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from kzoo.core.progress import track
from kzoo.data.audio.column import decode
from kzoo.data.duplicates.perceptual_hash import SIDE, near_pairs
from kzoo.data.examples import Examined
from kzoo.data.file_column import load

FRAME = 0.032
"""Seconds of a spectrum."""

HIGHEST = 3_000.0
"""Hz: the end of the highest band of fingerprints, which copies at a low sample rate have too."""

LONGEST = 60.0
"""Seconds in the middle of a recording that its fingerprint is of."""

RANGE = 50.0
"""dB below the loudest that a fingerprint shows."""

LIKE, DETAILED = 0.98, 0.95
"""Correlations of near duplicates, see `kzoo.data.duplicates.perceptual_hash`.

FSDD, 3,000 spoken digits: copies of 300 that were made softer by 12 dB, cut by 2%, brought from 8 to 6 kHz, or to which
noise was added at -30 dB reach 0.982 and 0.955. 5 of the 4.5 million pairs of different recordings reach both as well.
"""

QUIET = 40.0
"""dB below the median loudness."""

FACTOR = 10.0
"""How many times as long, or as short, as the median a recording has to be to stand out."""

ALIKE = 0.1
"""Near duplicates differ in length by less than this share."""

CHECKS = ("near duplicates", "quiet recordings", "extreme lengths")


def examine_recordings(column: np.ndarray) -> Examined:
    """Remarks on the recordings of a checked column: an object array (N,) of paths and encoded files."""
    with ThreadPoolExecutor() as pool:
        opened = track(pool.map(_look, column), "examining recordings", unit="recording", total=len(column))
        found = list(opened)
    if not found:
        return Examined(checks=CHECKS)
    prints = np.stack([each for each, _, _ in found])
    seconds, loudness = (np.array([each[place] for each in found]) for place in (1, 2))
    remarks: list[tuple[int | None, str, str]] = [
        (row, "quiet", f"{loudness[row]:.0f} dB; the median is {np.median(loudness):.0f} dB")
        for row in np.flatnonzero(loudness < np.median(loudness) - QUIET).tolist()
    ]
    middle = float(np.median(seconds))
    unusual = (seconds > FACTOR * middle) | (seconds < middle / FACTOR)
    remarks += [
        (row, "extreme length", f"{seconds[row]:.3g} s; the median is {middle:.3g} s")
        for row in np.flatnonzero(unusual).tolist()
    ]
    near = near_pairs(prints, like=LIKE, detailed=DETAILED)
    pairs = [(i, j, score) for i, j, score in near if abs(seconds[i] - seconds[j]) < ALIKE * seconds[[i, j]].max()]
    return Examined(remarks, pairs, CHECKS)


def _look(recording: str | bytes) -> tuple[np.ndarray, float, float]:
    """Fingerprint, length in seconds, and loudness in dB below full scale of a recording."""
    samples, rate, _ = decode(load(recording))
    mono = samples.mean(axis=1)
    loudness = 10 * np.log10(max(float((mono.astype(np.float64) ** 2).mean()), 1e-12))
    return fingerprint(mono, rate=rate), len(samples) / rate, loudness


def fingerprint(samples: np.ndarray, *, rate: int) -> np.ndarray:
    """Levels of 32 bands at 32 times, as an image uint8 (32, 32, 1): the loudest is 255, 50 dB below it is 0.

    Args:
        samples: float (T,).
        rate: samples a second.
    """
    middle = max((len(samples) - int(LONGEST * rate)) // 2, 0)
    samples = samples[middle : len(samples) - middle]
    size = max(int(FRAME * rate), 16)
    samples = np.pad(samples, (0, max(size - len(samples), 0)))
    # Four spectra for each of the 32 times; of a short recording they overlap more.
    starts = np.linspace(0, len(samples) - size, 4 * SIDE).astype(int)
    frames = samples[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    means = power.reshape(SIDE, 4, -1).mean(axis=1)
    edges = 700 * np.expm1(np.linspace(0, np.log1p(HIGHEST / 700), SIDE + 1))  # of equal width on the mel scale
    places = np.minimum((edges * size / rate).round().astype(int), means.shape[1] - 1)
    bands = np.add.reduceat(means, places[:-1], axis=1) / np.maximum(np.diff(places), 1)
    levels = 10 * np.log10(np.maximum(bands, 1e-12))
    shown = np.clip((levels - levels.max()) / RANGE + 1, 0, 1)
    return (255 * shown).round().astype(np.uint8)[..., None]
