"""What is measured of recordings, for the slices of a report."""

import io

import numpy as np
from scipy.io import wavfile

from kzoo.data.audio.column import encode_wav
from kzoo.data.audio.described import HIGHEST_RATE, SECONDS, describe_recordings, recording_excerpt


def tone(seconds, *, rate=8_000, loudness=0.5, channels=1):
    wave = loudness * np.sin(np.arange(int(seconds * rate)) * 0.3)
    return encode_wav(np.stack([wave] * channels, axis=1).astype(np.float32), rate=rate)


def test_duration_loudness_and_rate_are_measured():
    found = describe_recordings(np.array([tone(1), tone(0.5, rate=16_000, loudness=0.05), b"RIFF"], dtype=object))
    np.testing.assert_allclose(found["seconds"], [1, 0.5, np.nan])
    np.testing.assert_allclose(found["loudness (dB)"], [-9.03, -29.03, np.nan], atol=0.1)
    np.testing.assert_allclose(found["rate (Hz)"], [8_000, 16_000, np.nan])


def test_the_excerpt_is_short_and_of_one_channel():
    media, content = recording_excerpt(tone(10, rate=44_100, channels=2))
    rate, samples = wavfile.read(io.BytesIO(content))
    assert (media, rate, samples.shape) == ("audio/wav", HIGHEST_RATE, (SECONDS * HIGHEST_RATE,))
    rate, samples = wavfile.read(io.BytesIO(recording_excerpt(tone(0.5))[1]))
    assert (rate, samples.shape) == (8_000, (4_000,))
    assert recording_excerpt(b"RIFF") is None
