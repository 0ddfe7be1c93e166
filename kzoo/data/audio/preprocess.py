"""Recordings: from encoded wav files to a backbone's input, the same in training and in serving."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.figures import PictureAxes
from kzoo.core.tensors import Tensor
from kzoo.data.audio.column import RATES, SHORTEST, SILENT, seconds_of
from kzoo.data.audio.spectrogram import FrontEnd, SpectrogramImage, WaveformFeatures, middle, resample
from kzoo.data.image.preprocess import scaling_layers
from kzoo.specs.card import SCALINGS, BackboneSpec
from kzoo.specs.checked_json import Check, checked, maybe, one_of, whole
from kzoo.specs.saved_card import FRONT, LONGEST

SHARE = 0.95
"""Share of the training recordings that fit into the chosen window."""

SECONDS = (0.25, 10.0)
"""Shortest and longest window, for backbones without one of their own."""

MOST_BYTES = 100_000_000
"""Of a wav file that an exported model takes: 19 minutes of one channel at 44,100 Hz need 400 MB to decode."""

_FIELDS: dict[str, Check] = {
    "samples": whole(1, LONGEST),
    "front": lambda value, name: FrontEnd(**checked(value, FRONT, name=name, needed=("rate",))),
    "edge": maybe(whole(1, 1 << 14)),
    "channels": whole(1, 4),
    "scaling": one_of(SCALINGS),
}

ROOM = 2
"""Windows that are decoded, so that a shifted window is not silent."""


@dataclass(frozen=True)
class AudioPreprocessor:
    """Wav files to a backbone's input. Deterministic; made of TensorFlow operations and Keras layers alone.

    Args:
        samples: of the window. Longer recordings keep their middle; shorter ones get silence on both sides.
        front: from the window to features.
        edge: height and width, in pixels, of the spectrogram image for an image backbone; None for others.
        channels: of that image.
        scaling: that of the backbone for images, one of `kzoo.specs.card.SCALINGS`.
    """

    samples: int
    front: FrontEnd
    edge: int | None = None
    channels: int = 3
    scaling: str = "none"

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        return "audio"

    @classmethod
    def restore(cls, values: object) -> AudioPreprocessor:
        """The preprocessor of its fields as plain values.

        Raises:
            ValueError: a field is missing, unknown or out of bounds.
        """
        found = checked(values, _FIELDS, name="preprocessor", needed=("samples", "front"))
        return cls(**found)

    @property
    def size(self) -> int:
        """Edge of the image, or samples."""
        return self.edge or self.samples

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""
        return (self.edge, self.edge, self.channels) if self.edge else self.front.shape(self.samples)

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec(self.front.shape(self.samples), tf.float32)

    @property
    def axes(self) -> PictureAxes:
        """The axes of its spectrograms, for figures."""
        return PictureAxes("time (s)", self.front.scale_name, self.samples / self.front.rate, self.front.ticks())

    def __str__(self) -> str:
        seen = f", as images of {self.edge} x {self.edge} pixels" if self.edge else ""
        return f"recordings of {self.samples / self.front.rate:.2f} s at {self.front.rate:,} Hz{seen}"

    def read(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Features, float32 (steps, values), of a wav file of 16 bits (scalar string), and an empty string.

        A file that cannot be used gives zeros and the reason of `kzoo.data.audio.column.trouble`. A file that cannot
        be decoded raises.
        """
        shape = self.front.shape(self.samples)
        length = tf.strings.length(encoded)
        small = (length > 0) & (length <= MOST_BYTES)
        said = f"too large: over {MOST_BYTES // 1_000_000:,} MB"
        reason = tf.cond(small, lambda: _trouble(encoded), lambda: tf.where(length > 0, said, "empty file"))
        features = tf.cond(reason == "", lambda: self.fit(self.decode(encoded)), lambda: tf.zeros(shape))
        return tf.ensure_shape(features, shape), reason

    def decode(self, encoded: Tensor) -> Tensor:
        """The middle of a wav file of 16 bits (scalar string) at the front end's rate, one channel: float32 (T,)."""
        wave, rate = tf.audio.decode_wav(encoded)
        wave = tf.reduce_mean(wave, axis=1)
        # Samples far from the middle are not used.
        most = tf.cast(tf.math.ceil(ROOM * self.samples * tf.cast(rate, tf.float64) / self.front.rate), tf.int32)
        start = tf.maximum(tf.shape(wave)[0] - most, 0) // 2
        return resample(wave[start : start + most], rate=rate, wanted=self.front.rate)

    def fit(self, waves: Tensor) -> Tensor:
        """Features, float32 (B, steps, values), of waveforms (B, T) in [-1, 1], or without the batch."""
        batch = waves if len(waves.shape) == 2 else waves[None]
        features = self.front.features(middle(batch, self.samples))
        return features if len(waves.shape) == 2 else features[0]

    def scale(self, features: Tensor) -> Tensor:
        """Features as the backbone takes them; tensors or Keras tensors."""
        if self.edge:
            features = SpectrogramImage(edge=self.edge, channels=self.channels, name="picture")(features)
            for layer in scaling_layers(self.scaling):
                features = layer(features)
        return features

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for waveforms (B, T) in [-1, 1] at the front end's rate, and what the network takes of it."""
        waves = keras.Input((None,), name="waveform")
        return waves, self.scale(WaveformFeatures(samples=self.samples, front=asdict(self.front), name="listen")(waves))


def _trouble(encoded: Tensor) -> Tensor:
    """Why a wav file (scalar string) cannot be used, scalar string; see `kzoo.data.audio.column.trouble`."""
    wave, rate = tf.audio.decode_wav(encoded)
    samples = tf.shape(wave)[0]
    reasons = [
        ((rate < RATES[0]) | (rate > RATES[1]), tf.strings.format("a sample rate of {} Hz", rate)),
        (samples == 0, "no samples"),
        (tf.cast(samples, tf.float64) < SHORTEST * tf.cast(rate, tf.float64), f"shorter than {SHORTEST} s"),
        (tf.reduce_max(tf.abs(wave)) < SILENT, "silent"),
        (tf.constant(True), ""),
    ]
    first = tf.argmax(tf.stack([holds for holds, _ in reasons]))
    return tf.gather(tf.stack([tf.convert_to_tensor(reason) for _, reason in reasons]), first)


def audio_shape(card: BackboneSpec, size: int, channels: int) -> tuple[int, ...]:
    """The input of a card's backbone, without the batch: features (steps, values) of `size` samples."""
    return FrontEnd(**card.reads).shape(size)


def fit_recordings(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[AudioPreprocessor, list[str]]:
    """The preprocessor of a card, of a window that holds most recordings of a column, and notes about it."""
    front = FrontEnd(**card.reads)
    is_image = card.modality_spec.square
    longest = SECONDS[1] if is_image else card.size / front.rate
    if size and not is_image:
        samples, notes = size, []
    else:
        lengths = [seconds_of(recording) for recording in column]
        window = float(np.clip(np.quantile(lengths, SHARE), SECONDS[0], longest))
        samples = round(np.ceil(window * 20) / 20 * front.rate)
        samples = min(samples, round(longest * front.rate))
        notes = [f"Recordings are cut to {samples / front.rate:.2f} s, enough for {SHARE:.0%} of them or the limit"]
    if not is_image:
        return AudioPreprocessor(samples, front), notes
    return AudioPreprocessor(samples, front, size or card.size, channels, card.scaling), notes
