"""Explanations of recordings: the tone that decides is where the map is highest."""

import dataclasses

import keras
import numpy as np
import pytest

import kzoo
from kzoo.data.audio.spectrogram import FrontEnd

pytestmark = pytest.mark.slow
RATE, SAMPLES = 8_000, 8_000
PITCHES = {"low": 400, "high": 2_200}


def toned(label, start, *, seed):
    """A second of noise with a tone of 0.3 s."""
    rng = np.random.default_rng(seed)
    wave = rng.normal(0, 0.003, SAMPLES)
    part = slice(int(start * RATE), int((start + 0.3) * RATE))
    wave[part] += 0.5 * np.sin(2 * np.pi * PITCHES[label] * np.arange(SAMPLES)[part] / RATE)
    return RATE, wave.astype(np.float32)


@pytest.fixture(scope="module")
def task():
    labels = [["low", "high"][n % 2] for n in range(60)]
    recordings = [toned(label, 0.1 + 0.5 * (n % 7) / 6, seed=n) for n, label in enumerate(labels)]
    return kzoo.Classification((recordings, labels), audio=True, test=0, validation=0.2)


@pytest.fixture(scope="module", params=["keyword_cnn", "image"])
def adapted(request, task):
    tuning = kzoo.Phase("*", epochs=12, learning_rate=1e-2, batch_norm=True, batch_size=16)
    if request.param == "keyword_cnn":
        card = kzoo.get_card("keyword_cnn")
        model = dataclasses.replace(card, arguments={**card.arguments, "width": 8, "blocks": 1}, parameters=None)
    else:
        keras.utils.set_random_seed(0)
        inputs = keras.Input((32, 32, 3))
        x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
        x = keras.layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(x)
        model = keras.Model(inputs, x, name="small")
    return kzoo.adapt(model, task, schedule=tuning, augmentation="none")


def test_the_map_is_highest_at_the_tone(adapted):
    for label in PITCHES:
        for start in (0.1, 0.6):
            (found,) = adapted.explain(toned(label, start, seed=99))
            assert found.label == label
            assert found.map.shape == found.spectrogram.shape == (len(found.times), len(found.frequencies))
            assert found.map.dtype == np.float32
            assert 0.5 < found.map.max() <= 1
            assert found.map.min() >= 0
            # A small network on images of spectrograms may tell the class by where it is silent.
            if adapted.preprocessor.edge:
                continue
            step, band = np.unravel_index(found.map.argmax(), found.map.shape)
            assert start - 0.1 <= found.times[step] <= start + 0.4
            if label == "high":
                assert 1_000 < found.frequencies[band] < 4_000


def test_images_of_spectrograms_keep_their_times(task):
    """Of a network whose two channels are how loud each half of the bands is, step by step: low tones are heard."""
    inputs = keras.Input((32, 32, 3))
    halves = keras.layers.Conv2D(2, (32, 1), activation="relu")
    model = keras.Model(inputs, halves(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)), name="halves")
    kernel = np.zeros((32, 1, 3, 2), np.float32)
    kernel[:16, 0, 0, 0] = kernel[16:, 0, 0, 1] = 1 / 16
    halves.set_weights([kernel, np.full(2, 0.2, np.float32)])
    phase = kzoo.Phase("head", epochs=20, learning_rate=0.05, batch_size=16)
    adapted = kzoo.adapt(model, task, schedule=phase, augmentation="none")
    for start in (0.1, 0.6):
        (found,) = adapted.explain(toned("low", start, seed=99))
        assert found.label == "low"
        assert start - 0.1 <= found.times[found.map.max(axis=1).argmax()] <= start + 0.4


def test_the_spectrogram_shows_the_tone(adapted):
    (found,) = adapted.explain(toned("high", 0.3, seed=98))
    step, band = np.unravel_index(found.spectrogram.argmax(), found.spectrogram.shape)
    assert found.frequencies[band] == pytest.approx(2_200, rel=0.06)
    assert 0.3 <= found.times[step] <= 0.6


def test_bad_recordings_are_named_and_all_is_drawn(adapted, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    found = adapted.explain([toned("low", 0.2, seed=1), tmp_path / "bad.wav", toned("high", 0.2, seed=2)])
    assert [each.label is None for each in found] == [False, True, False]
    assert len(found.plot().axes) == 4
    assert len(found[0].plot().axes) == 2
    assert found._repr_html_().count("data:image/jpeg") == 2
    assert "Hz" in found[2].strongest


def test_bands_have_the_frequencies_of_keras():
    front = FrontEnd(rate=8_000, mels=20, low=20.0, high=3_800.0)
    tone = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 8_000).astype(np.float32)
    features = front.features(tone[None])[0].numpy().mean(axis=0)
    assert front.frequencies()[features.argmax()] == pytest.approx(1_000, rel=0.1)
