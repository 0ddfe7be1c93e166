"""Front ends: from a waveform to a spectrogram, in the graph, with parameters from the card."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Config, Shape, Tensor

KINDS = ("log_mel", "whisper", "waveform")
RANGE = 80.0
"""dB below the loudest that a log-mel spectrogram shows."""

QUIET = -60.0
"""dB. Recordings without a louder sound are not amplified."""


OCTAVES = (125, 500, 1_000, 2_000, 4_000, 8_000)
"""Hz that the axis of a spectrogram marks."""


@dataclass(frozen=True)
class FrontEnd:
    """How waveforms become the features of a backbone.

    Args:
        kind: ``"log_mel"``: log-mel spectrograms of Keras's layers, from 0 (80 dB below the loudest) to 1;
            ``"whisper"``: those of Whisper (arXiv:2212.04356; extra ``audio``); ``"waveform"``: the samples as they
            are, for a backbone that begins with convolutions of its own.
        rate: of the samples, Hz.
        frame: samples a spectrum.
        hop: samples from one spectrum to the next.
        mels: number of bands.
        low: lowest frequency, Hz.
        high: highest frequency, Hz.
    """

    kind: str = "log_mel"
    rate: int = 16_000
    frame: int = 400
    hop: int = 160
    mels: int = 64
    low: float = 20.0
    high: float = 7_600.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of a FrontEnd must be one of {', '.join(KINDS)}. Got {self.kind!r}.")

    def shape(self, samples: int) -> tuple[int, int]:
        """Shape of the features of so many samples: time steps, and values per step."""
        if self.kind == "waveform":
            return (samples, 1)
        return (samples // self.hop + (self.kind == "log_mel"), self.mels)

    @property
    def scale_name(self) -> str:
        """The vertical axis of a spectrogram."""
        return "mel band" if self.kind == "whisper" else "frequency (Hz)"

    def ticks(self) -> list[tuple[float, str]]:
        """Marks of the vertical axis of a spectrogram: place from 0 (lowest band) to 1, and text."""
        if self.kind == "whisper":
            # Its mel scale is another than Keras's: the bands are counted.
            return [((band + 0.5) / self.mels, str(band)) for band in range(0, self.mels, max(self.mels // 4, 1))]
        ends = _mel(self.low), _mel(self.high)
        bands = {f: (_mel(f) - ends[0]) / (ends[1] - ends[0]) * (self.mels + 1) - 1 for f in OCTAVES}
        places = {f: (band + 0.5) / self.mels for f, band in bands.items()}
        return [(place, f"{f:,}") for f, place in places.items() if 0 <= place <= 1]

    def frequencies(self) -> np.ndarray:
        """Hz at the middle of each band, float32 (mels,); of Whisper, whose mel scale is another, numbers of bands."""
        if self.kind == "whisper":
            return np.arange(self.mels, dtype=np.float32)
        mels = np.linspace(_mel(self.low), _mel(self.high), self.mels + 2)[1:-1]
        return (700.0 * np.expm1(mels / 1127.0)).astype(np.float32)

    def features(self, waves: Tensor) -> Tensor:
        """Features, float32 (B, steps, values), of waveforms, float32 (B, samples) in [-1, 1]."""
        if self.kind == "waveform":
            return waves[..., None]
        found = _layer(self)(waves)
        if self.kind == "whisper":
            # The converter pads to a fixed length; the steps beyond the samples are silence.
            return tf.ensure_shape(
                found[:, : waves.shape[1] // self.hop], (None, waves.shape[1] // self.hop, self.mels)
            )
        decibels = 10 / tf.math.log(10.0) * tf.math.log(tf.maximum(tf.transpose(found, (0, 2, 1)), 1e-10))
        # Each recording by itself: Keras's own layer measures from the loudest of the whole batch (3.15).
        loudest = tf.maximum(tf.reduce_max(decibels, axis=(1, 2), keepdims=True), QUIET)
        return tf.clip_by_value((decibels - loudest) / RANGE + 1, 0.0, 1.0)


def _mel(hertz: float) -> float:
    """HTK's mel scale, which `keras.layers.MelSpectrogram` uses (3.15)."""
    return 1127.0 * math.log1p(hertz / 700.0)


@functools.lru_cache(maxsize=16)
def _layer(front: FrontEnd) -> keras.layers.Layer:
    """The layer that computes mel spectrograms: powers (B, mels, steps), or Whisper's logarithms (B, steps, mels)."""
    with tf.init_scope():
        if front.kind == "log_mel":
            return keras.layers.MelSpectrogram(
                fft_length=1 << (front.frame - 1).bit_length(),
                sequence_stride=front.hop,
                sequence_length=front.frame,
                sampling_rate=front.rate,
                num_mel_bins=front.mels,
                min_freq=front.low,
                max_freq=front.high,
                power_to_db=False,
            )
        try:
            import keras_hub
        except ImportError as error:
            raise ImportError("Whisper's front end needs KerasHub: pip install 'kzoo[audio]'") from error
        return keras_hub.layers.WhisperAudioConverter(
            num_mels=front.mels, num_fft_bins=front.frame, stride=front.hop, sampling_rate=front.rate
        )


@keras.saving.register_keras_serializable(package="kzoo", name="Listen")
class WaveformFeatures(keras.layers.Layer):
    """`Front.features` as a layer, from waveforms (B, T) of any length, cut or padded to `samples`."""

    def __init__(self, *, samples: int, front: Config, **options: Any) -> None:
        super().__init__(**options)
        self.samples, self.front = samples, FrontEnd(**front)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return self.front.features(middle(inputs, self.samples))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, steps, values)."""
        return (input_shape[0], *self.front.shape(self.samples))

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return {**super().get_config(), "samples": self.samples, "front": asdict(self.front)}


@keras.saving.register_keras_serializable(package="kzoo", name="Image")
class SpectrogramImage(keras.layers.Layer):
    """Features in 0..1 (B, steps, mels) as images in 0..255 (B, edge, edge, channels), low notes at the bottom.

    Three channels are the features and how they change in time, once and twice differentiated; one, the features.
    """

    def __init__(self, *, edge: int, channels: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.edge, self.channels = edge, channels

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        layers = [inputs]
        while len(layers) < self.channels:
            layers.append(slope(layers[-1]))
        # 0.5 stands for no change.
        layers = [layers[0], *(2.5 * layer + 0.5 for layer in layers[1:])]
        stacked = keras.ops.clip(keras.ops.stack(layers, axis=-1), 0.0, 1.0) * 255.0
        upright = keras.ops.flip(keras.ops.transpose(stacked, (0, 2, 1, 3)), axis=1)
        return keras.ops.image.resize(upright, (self.edge, self.edge), data_format="channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, edge, edge, channels)."""
        return (input_shape[0], self.edge, self.edge, self.channels)

    def get_config(self) -> Config:
        """Arguments of the layer."""
        return {**super().get_config(), "edge": self.edge, "channels": self.channels}


def slope(features: Tensor) -> Tensor:
    """How features (B, steps, ...) change in time, by a regression over five steps (HTK Book, section 5.9)."""
    padded = keras.ops.pad(features, ((0, 0), (2, 2), (0, 0)), mode="symmetric")
    steps = features.shape[1]
    return sum(n * (padded[:, 2 + n : 2 + n + steps] - padded[:, 2 - n : 2 - n + steps]) for n in (1, 2)) / 10.0


def middle(waves: Tensor, samples: int) -> Tensor:
    """Waveforms (B, T) as (B, samples): the middle of longer ones, shorter ones with silence on both sides."""
    length = tf.shape(waves)[1]
    start = tf.maximum((length - samples) // 2, 0)
    waves = waves[:, start : start + samples]
    missing = tf.maximum(samples - length, 0)
    padding = tf.stack([missing // 2, missing - missing // 2])
    return tf.ensure_shape(tf.pad(waves, tf.stack([tf.zeros(2, tf.int32), padding])), (None, samples))


def resample(wave: Tensor, *, rate: Tensor, wanted: int) -> Tensor:
    """A waveform (T,) of one sample rate at another, by its Fourier transform (as `scipy.signal.resample`)."""

    def change() -> Tensor:
        length = tf.shape(wave)[0]
        count = tf.cast(tf.round(tf.cast(length, tf.float64) * wanted / tf.cast(rate, tf.float64)), tf.int32)
        count = tf.maximum(count, 1)
        spectrum = tf.signal.rfft(wave)
        kept = tf.minimum(length, count)
        bins = kept // 2 + 1
        # The highest frequency of an even number of samples stands for itself and its mirror image.
        factor = tf.where((kept % 2 == 0) & (length != count), tf.where(count < length, 2.0, 0.5), 1.0)
        ends = tf.concat([tf.ones(bins - 1), factor[None]], axis=0)
        spectrum = spectrum[:bins] * tf.cast(ends, tf.complex64)
        spectrum = tf.pad(spectrum, [[0, count // 2 + 1 - bins]])
        return tf.signal.irfft(spectrum, [count]) * (tf.cast(count, tf.float32) / tf.cast(length, tf.float32))

    return tf.cond(tf.equal(rate, wanted), lambda: wave, change)
