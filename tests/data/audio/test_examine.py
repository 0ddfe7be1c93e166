"""What recordings show."""

import numpy as np
import pytest
from scipy.signal import resample

from kzoo.data.audio.column import encode_wav
from kzoo.data.audio.examine import examine_recordings, fingerprint

RATE = 8_000


def melody(seed, seconds=1.0, rate=RATE):
    """A voice of eight harmonics that glides in pitch and loudness, float (T,)."""
    rng = np.random.default_rng(seed)
    time, knots = np.arange(int(seconds * rate)) / rate, np.linspace(0, seconds, 9)
    pitch, loudness = (np.interp(time, knots, rng.uniform(*ends, 9)) for ends in ((100, 400), (0.05, 0.5)))
    phase, tilt = 2 * np.pi * np.cumsum(pitch) / rate, rng.uniform(0.2, 1, 8)
    wave = loudness * sum(tilt[n] * np.sin((n + 1) * phase) / 3 for n in range(8))
    return wave + rng.normal(0, 1e-3, len(time))


def column(*waves, rate=RATE):
    found = np.empty(len(waves), dtype=object)
    found[:] = [encode_wav(wave.astype(np.float32), rate=rate) for wave in waves]
    return found


@pytest.fixture(scope="module")
def melodies():
    return [melody(seed) for seed in range(12)]


def test_usual_recordings_show_nothing(melodies):
    found = examine_recordings(column(*melodies))
    assert (found.remarks, found.pairs) == ([], [])
    assert found.checks == ("near duplicates", "quiet recordings", "extreme lengths")


def test_changed_copies_are_found(melodies):
    noise = np.random.default_rng(0).normal(0, 0.03 * melodies[1].std(), RATE)
    copies = [melodies[0] * 0.3, melodies[1] + noise, melodies[2][RATE // 50 :], np.stack([melodies[3]] * 2, axis=1)]
    lower = column(resample(melodies[4], RATE * 3 // 4), rate=RATE * 3 // 4)
    found = examine_recordings(np.concatenate([column(*melodies), column(*copies), lower]))
    assert [pair[:2] for pair in found.pairs] == [(n, 12 + n) for n in range(5)]


def test_a_faster_copy_is_none(melodies):
    faster = resample(melodies[0], RATE * 4 // 5)
    assert examine_recordings(column(*melodies, faster)).pairs == []


def test_remarks(melodies):
    found = examine_recordings(column(*melodies, melodies[0][::-1] * 5e-4, melody(20, 12), melody(21, 0.05)))
    kinds = [(row, name) for row, name, _ in found.remarks]
    assert kinds == [(12, "quiet"), (13, "extreme length"), (14, "extreme length")]
    assert found.remarks[1][2] == "12 s; the median is 1 s"
    assert found.remarks[0][2].endswith(f"; the median is {found.remarks[0][2].split()[-2]} dB")


@pytest.mark.parametrize("samples", [1, 100, 8_000, 8_000 * 70])
def test_fingerprints_of_any_length(samples):
    wave = np.random.default_rng(0).normal(size=samples)
    found = fingerprint(wave, rate=RATE)
    assert (found.shape, found.dtype, found.max()) == ((32, 32, 1), np.uint8, 255)


def test_a_fingerprint_shows_pitch_and_time():
    time = np.arange(RATE) / RATE
    tone = np.where(time < 0.5, np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 2_000 * time))
    bands = fingerprint(tone, rate=RATE)[..., 0].argmax(axis=1)
    assert len(set(bands[:14])) == len(set(bands[18:])) == 1
    assert bands[0] < bands[-1]


def test_nothing():
    assert examine_recordings(column()).pairs == ()
