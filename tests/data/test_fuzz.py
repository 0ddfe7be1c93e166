"""Damaged files of every kind: each is set aside or used, and none stops the others."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.io import wavfile

from kzoo.data.audio import column
from kzoo.data.audio.column import check_recordings, seconds_of
from kzoo.data.image.check import check_images
from kzoo.data.text.column import check_texts, collect_texts

TONE = (0.5 * np.sin(np.arange(2_000) / 7)).astype(np.float32)


def sound(kind):
    file = io.BytesIO()
    if kind == "wav":
        wavfile.write(file, 8_000, (TONE * 32767).astype(np.int16))
    elif kind == "wav of floats":
        wavfile.write(file, 8_000, TONE)
    else:
        pytest.importorskip("soundfile").write(file, TONE, 8_000, format=kind)
    return file.getvalue()


def drawn(kind):
    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (10, 12, 3), np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def mutations(data, *, count, head=64):
    """Copies of a file, each of which is cut, or has other bytes near its beginning, and itself; the same each time."""
    rng = np.random.default_rng(len(data))
    found = np.empty(count + 1, dtype=object)
    found[count] = data
    for number in range(count):
        copy = bytearray(data)
        for place in rng.integers(0, min(head, len(data)), rng.integers(1, 5)):
            copy[place] = rng.choice([0, 1, 127, 255, copy[place] ^ 1, rng.integers(256)])
        found[number] = bytes(copy[: rng.integers(1, len(data))] if number % 4 == 0 else copy)
    return found


@pytest.mark.parametrize("kind", ["wav", "wav of floats", "FLAC", "OGG"])
def test_damaged_recordings_stop_nothing(kind):
    data = sound(kind)
    checked = check_recordings(mutations(data, count=200))
    assert 200 not in checked.reasons
    assert len(checked.reasons) > 20
    assert all(checked.reasons.values())
    heard = set(range(201)) - set(checked.reasons)
    assert len(heard) > 1  # the last of them is sound
    for index in heard:
        wave, rate = tf.audio.decode_wav(checked.column[index])
        assert seconds_of(checked.column[index]) == len(wave) / int(rate)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_damaged_pictures_stop_nothing(kind):
    data = drawn(kind)
    checked = check_images(mutations(data, count=40))
    assert 40 not in checked.reasons
    assert len(checked.reasons) > 10
    assert all(checked.reasons.values())


def test_what_is_no_text_stops_nothing():
    odd = [["a", "b"], np.array([1.0, 2.0]), np.array(["a", "b"]), {"a"}, object(), ("a", "b"), range(2), 3j, np.inf]
    checked = check_texts(collect_texts([*odd, "a text"]))
    assert sorted(checked.reasons) == list(range(len(odd)))
    assert check_texts(collect_texts([["a", "b"], ["c", "d"]])).reasons.keys() == {0, 1}


def test_a_small_file_that_claims_to_be_long_is_not_decoded():
    data = bytearray(sound("FLAC"))
    data[21] |= 0x0F  # 36 bits of the number of samples: 2**36 - 1
    data[22:26] = b"\xff" * 4
    checked = check_recordings(np.array([bytes(data)], dtype=object))
    assert checked.reasons == {
        0: "could not be decoded: too long: 68,719,476,735 samples of all channels, at most 172,800,000"
    }


@pytest.mark.parametrize("kind", ["wav", "FLAC"])
def test_what_is_longer_than_the_limit_is_set_aside(kind, monkeypatch):
    monkeypatch.setattr(column, "MOST_SAMPLES", 1_999)
    checked = check_recordings(np.array([sound(kind)], dtype=object))
    assert checked.reasons == {0: "could not be decoded: too long: 2,000 samples of all channels, at most 1,999"}


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "x.wav").write_bytes(sound("wav"))
    monkeypatch.setattr(column, "MOST_BYTES", 4_043)
    monkeypatch.setattr(column, "load", None)
    checked = check_recordings(np.array([str(tmp_path / "x.wav")], dtype=object))
    assert checked.reasons == {0: "too large: 4,044 bytes, at most 4,043"}


@pytest.mark.parametrize("content", [None, b"", b"RIFF"])
def test_a_recording_that_changed_after_the_check_is_named(content, tmp_path):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.wav cannot be read any more. It changed after it was checked"):
        seconds_of(str(path))
