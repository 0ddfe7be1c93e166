"""Front ends, and the axes of what they make."""

import numpy as np
import pytest

from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import FrontEnd


@pytest.mark.parametrize("hertz", [500, 2_000, 4_000])
def test_a_tone_lies_where_the_axis_says(hertz):
    front = FrontEnd(mels=64)
    tone = np.sin(2 * np.pi * hertz * np.arange(16_000) / front.rate).astype(np.float32)
    loudest = int(front.features(tone[None])[0].numpy().mean(axis=0).argmax())
    place = {text: at for at, text in front.ticks()}[f"{hertz:,}"]
    assert place * 64 == pytest.approx(loudest + 0.5, abs=1.0)


def test_the_axis_marks_only_what_is_heard():
    assert [text for _, text in FrontEnd(low=300.0, high=3_000.0).ticks()] == ["500", "1,000", "2,000"]


def test_bands_of_whisper_are_counted():
    front = FrontEnd(kind="whisper", mels=80)
    assert front.scale_name == "mel band"
    assert [text for _, text in front.ticks()] == ["0", "20", "40", "60"]


def test_time_goes_to_the_length_of_the_window():
    axes = AudioPreprocessor(8_000, FrontEnd()).axes
    assert (axes.x, axes.y, axes.width) == ("time (s)", "frequency (Hz)", 0.5)
