"""Recordings as people have them, and how they become features."""

import io

import numpy as np
import pytest
import tensorflow as tf
from scipy.io import wavfile
from scipy.signal import resample as scipy_resample

from kzoo.data.audio.augment import SOUND_PRESETS, augment_sound, hide
from kzoo.data.audio.column import (
    check_recordings,
    collect_recordings,
    decode,
    encode_wav,
    read_audio_inputs,
    seconds_of,
)
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.reader import AudioReader
from kzoo.data.audio.spectrogram import FrontEnd, SpectrogramImage, WaveformFeatures, middle, resample

RNG = np.random.default_rng(0)
TONE = (0.5 * np.sin(np.arange(4_000) / 7)).astype(np.float32)


def wav(samples, rate=8_000):
    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    return file.getvalue()


def other(kind):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, TONE, 8_000, format=kind)
    return file.getvalue()


WHOLE = wav((TONE * 32767).astype(np.int16))
BAD = {
    "none": (lambda: None, "empty file"),
    "nan": (lambda: float("nan"), "empty file"),
    "empty file": (lambda: b"", "empty file"),
    "not there": (lambda: "/nowhere/x.wav", "could not be read (No such file"),
    "a folder": (lambda: "/tmp", "could not be read (Is a directory"),
    "no sound": (lambda: b"<html>not found</html>", "could not be decoded"),
    "the header alone": (lambda: WHOLE[:44], "could not be decoded: cut off"),
    "half the header": (lambda: WHOLE[:20], "could not be decoded"),
    "cut off": (lambda: WHOLE[:-1000], "could not be decoded: cut off"),
    "silent": (lambda: wav(np.zeros(4_000, np.int16)), "silent"),
    "nearly silent": (lambda: wav(np.full(4_000, 1e-6, np.float32)), "silent"),
    "nan samples": (lambda: wav(np.full(4_000, np.nan, np.float32)), "samples that are not finite"),
    "infinite samples": (lambda: (8_000, np.full(4_000, np.inf)), "samples that are not finite"),
    "no samples": (lambda: wav(np.zeros(0, np.int16)), "no samples"),
    "too short": (lambda: wav((TONE[:50] * 32767).astype(np.int16)), "shorter than 0.01 s"),
    "no rate": (lambda: wav((TONE * 32767).astype(np.int16), 1), "a sample rate of 1 Hz"),
    "damaged flac": (lambda: other("FLAC")[:60], "could not be decoded"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_heard_is_set_aside_with_a_reason(name):
    make, reason = BAD[name]
    checked = check_recordings(collect_recordings([WHOLE, make()]))
    assert list(checked.reasons) == [1]
    assert checked.reasons[1].startswith(reason)


def test_what_is_no_recording_is_refused():
    with pytest.raises(TypeError, match=r"a pair \(rate, samples\)\. Got ndarray in row 1"):
        collect_recordings([WHOLE, TONE])


KINDS = {
    "8 bits": lambda: wav(((TONE + 1) * 127.5).astype(np.uint8)),
    "16 bits": lambda: WHOLE,
    "32 bits": lambda: wav((TONE * (2**31 - 1)).astype(np.int32)),
    "floats": lambda: wav(TONE),
    "doubles": lambda: wav(TONE.astype(np.float64)),
    "stereo": lambda: wav((np.stack([TONE, TONE], axis=1) * 32767).astype(np.int16)),
    "flac": lambda: other("FLAC"),
    "ogg": lambda: other("OGG"),
    "pair": lambda: (8_000, TONE),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_becomes_one_that_tensorflow_reads(name):
    checked = check_recordings(collect_recordings([KINDS[name]()]))
    assert not checked.reasons
    wave, rate = tf.audio.decode_wav(checked.column[0])
    assert rate == 8_000
    assert seconds_of(checked.column[0]) == len(wave) / 8_000
    np.testing.assert_allclose(wave[:, 0], TONE, atol=0.1 if name == "ogg" else 0.02 if name == "8 bits" else 1e-3)


def test_files_of_16_bits_stay_where_they_are(tmp_path):
    (tmp_path / "a.wav").write_bytes(WHOLE)
    column, names = read_audio_inputs(tmp_path)
    checked = check_recordings(column)
    assert checked.column.tolist() == names == [str(tmp_path / "a.wav")]
    assert checked.notes == []


def test_encoding_is_lossless_for_16_bits():
    samples = RNG.integers(-32768, 32768, (100, 2)).astype(np.int16)
    found, rate, plain = decode(encode_wav(samples, rate=44_100))
    np.testing.assert_array_equal(found * 32768, samples)
    assert (rate, plain) == (44_100, True)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("length", [1_000, 1_001])
def test_resampling_is_scipys(rate, length):
    wave = RNG.normal(size=length).astype(np.float32)
    found = resample(tf.constant(wave), rate=tf.constant(rate), wanted=16_000)
    np.testing.assert_allclose(found, scipy_resample(wave, round(length * 16_000 / rate)), atol=2e-5)


def test_the_middle_is_kept_and_the_rest_is_silence():
    waves = tf.constant([[1.0, 2, 3, 4, 5]])
    np.testing.assert_array_equal(middle(waves, 3), [[2, 3, 4]])
    np.testing.assert_array_equal(middle(waves, 8), [[0, 1, 2, 3, 4, 5, 0, 0]])


def test_features_are_a_log_mel_spectrogram_by_numpy():
    front, wave = FrontEnd(mels=8), RNG.normal(size=1_600).astype(np.float32)
    padded = np.pad(wave, 256, mode="reflect")
    window = np.zeros(512)
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[start : start + 512] * window for start in range(0, 1_601, 160)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = tf.signal.linear_to_mel_weight_matrix(8, 257, 16_000, 20.0, 7_600.0).numpy()
    decibels = 10 * np.log10(np.maximum(power @ mel, 1e-10))
    wanted = np.clip((decibels - decibels.max()) / 80 + 1, 0, 1)
    assert wanted.shape == front.shape(1_600)
    np.testing.assert_allclose(front.features(wave[None])[0], wanted, atol=1e-4)


def test_each_recording_is_measured_by_itself():
    waves = RNG.normal(size=(2, 1_600)).astype(np.float32) * [[1.0], [0.01]]
    alone = FrontEnd().features(waves[1:].astype(np.float32))[0]
    np.testing.assert_allclose(FrontEnd().features(waves.astype(np.float32))[1], alone, atol=1e-5)
    np.testing.assert_allclose(FrontEnd().features(100 * waves[1:].astype(np.float32))[0], alone, atol=1e-4)


def test_layers_come_back_from_their_configurations():
    for layer in (WaveformFeatures(samples=800, front={"mels": 8}), SpectrogramImage(edge=16)):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


def test_a_picture_shows_low_notes_below_and_changes_in_its_other_channels():
    features = np.zeros((1, 10, 4), np.float32)
    features[:, 5:, 0] = 1.0
    picture = np.asarray(SpectrogramImage(edge=10)(features))[0]
    assert picture.shape == (10, 10, 3)
    assert picture[-1, -1, 0] == 255
    assert picture[0, -1, 0] == 0
    assert picture[-1, 5, 1] > 128
    assert picture[-1, 0, 1] == pytest.approx(127.5)


def test_a_file_and_its_samples_are_heard_alike():
    preprocessor = AudioPreprocessor(8_000, FrontEnd(rate=8_000))
    found = preprocessor.fit(preprocessor.decode(tf.constant(WHOLE)))
    np.testing.assert_allclose(found, preprocessor.fit(np.round(TONE * 32767) / 32768), atol=5e-3)


@pytest.mark.parametrize("name", SOUND_PRESETS)
def test_augmented_recordings_come_again_and_have_the_noise_that_was_drawn(name):
    preset, wave = SOUND_PRESETS[name], tf.constant(TONE)
    one = augment_sound(wave, samples=4_000, preset=preset, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(one, augment_sound(wave, samples=4_000, preset=preset, seed=tf.constant([1, 2])))
    assert np.abs(one - augment_sound(wave, samples=4_000, preset=preset, seed=tf.constant([1, 3]))).max() > 0
    best = max(range(-800, 801), key=lambda shift: np.dot(np.roll(one, -shift), TONE))
    assert abs(best) <= preset.shift * 4_000 + 50  # of a tone of 44 samples
    assert np.isfinite(one).all()


def test_masks_hide_whole_steps_and_bands():
    features = tf.constant(RNG.uniform(0.5, 1.0, (50, 40)), tf.float32)
    hidden = hide(features, preset=SOUND_PRESETS["strong"], seed=tf.constant([3, 4])).numpy()
    gone = hidden == features.numpy().min()
    steps, bands = gone.all(axis=1), gone.all(axis=0)
    assert 0 < steps.sum() < 50
    assert 0 < bands.sum() < 40
    # One value is the least without being hidden.
    assert (gone & ~(steps[:, None] | bands[None, :])).sum() <= 1
    np.testing.assert_array_equal(hidden[~gone], features.numpy()[~gone])


def test_versions_follow_from_content_not_from_place():
    files = collect_recordings([WHOLE, wav((TONE[::2] * 9_999).astype(np.int16))])
    preprocessor = AudioPreprocessor(4_000, FrontEnd(rate=8_000, mels=8))
    one = AudioReader(files, preprocessor, digests=["ab" * 32, "cd" * 32], seed=3)
    other = AudioReader(files[::-1], preprocessor, digests=["cd" * 32, "ab" * 32], seed=3)
    np.testing.assert_array_equal(
        one.load(tf.constant(0), "strong", [0, 1]), other.load(tf.constant(1), "strong", [0, 1])
    )


@pytest.mark.parametrize("samples", [TONE, np.stack([TONE, TONE]), np.arange(9)])
def test_samples_without_a_rate_are_refused(samples):
    with pytest.raises(TypeError, match=r"need a sample rate. Pass \(rate, samples\)"):
        read_audio_inputs(samples)


READ = {"empty file": b"", **{name: BAD[name][0]() for name in ("silent", "no samples", "too short", "no rate")}}


@pytest.mark.parametrize("name", READ)
def test_the_graph_says_what_the_audit_says_of_a_recording(name):
    _, reason = AudioPreprocessor(800, FrontEnd(rate=8_000)).read(tf.constant(READ[name]))
    assert reason.numpy().decode() == check_recordings(collect_recordings([READ[name]])).reasons[0]


def test_the_graph_reads_a_good_recording_and_no_very_long_one(monkeypatch):
    preprocessor = AudioPreprocessor(800, FrontEnd(rate=8_000))
    features, reason = preprocessor.read(tf.constant(WHOLE))
    assert reason.numpy() == b""
    assert np.array_equal(features, preprocessor.fit(preprocessor.decode(WHOLE)))
    monkeypatch.setattr("kzoo.data.audio.preprocess.MOST_BYTES", len(WHOLE) - 1)
    assert preprocessor.read(tf.constant(WHOLE))[1].numpy().startswith(b"too large")
