"""Reader of recordings: by index, decoded once, augmented, brought to features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.audio.augment import SOUND_PRESETS, augment_sound, hide
from kzoo.data.audio.preprocess import AudioPreprocessor
from kzoo.data.audio.spectrogram import FrontEnd
from kzoo.data.file_column import FileColumn
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.seeds import items, marks, seeds_of, version_key
from kzoo.specs.phases import OWN


@dataclass(frozen=True)
class AudioReader:
    """An audio column whose recordings are read, decoded once and augmented, by index, inside of tf.data.

    Args:
        column: checked recordings, object array (N,) of paths and wav files.
        preprocessor: the backbone's.
        digests: SHA-256 of each, which seeds its augmentation. Empty: its index does.
        seed: of the run.
        mixable: not used: recordings are not mixed.
        own: an augmentation of the user's, of one waveform (samples,), see `kzoo.data.own_augmentation`.
    """

    column: np.ndarray
    preprocessor: AudioPreprocessor
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = True
    own: OwnAugmentation | None = None

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one recording, features (V, steps, values); see `kzoo.data.image.reader.ImageReader.load`."""
        wave = self.preprocessor.decode(self._files.read(index))
        if augmentation == "none":
            return self.preprocessor.fit(wave)[None]
        if augmentation == OWN and self.own is not None:
            return tf.stack([self.preprocessor.fit(self.own(wave)) for _ in items(numbers)])
        preset = SOUND_PRESETS[augmentation]
        seeds = seeds_of(self.seed, numbers, tf.gather(self._marks, index))
        samples = self.preprocessor.samples
        heard = self.preprocessor.fit(
            tf.stack([augment_sound(wave, samples=samples, preset=preset, seed=seed) for seed in seeds])
        )
        if self.preprocessor.front.kind == "waveform":
            return heard
        return tf.stack(
            [hide(one, preset=preset, seed=seed) for one, seed in zip(tf.unstack(heard), seeds, strict=True)]
        )

    def finish(
        self, features: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, ...), as the backbone takes it, (B * V, ...), and its targets."""
        targets = tf.repeat(targets, features.shape[1], axis=0)
        return self.preprocessor.scale(tf.reshape(features, (-1, *features.shape[2:]))), targets

    def mixes(self, augmentation: str) -> bool:
        """Recordings are not mixed with each other."""
        return False

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of a recording depends on, as plain values."""
        own = self.own.key if augmentation == OWN and self.own is not None else None
        return version_key(self.preprocessor, SOUND_PRESETS.get(augmentation), seed=self.seed, own=own)

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """The spectrogram of a recording, low notes at the bottom, float32 (H, W, 3) in 0..255."""
        features = self.load(tf.constant(index, tf.int64), augmentation, [0])[0]
        if self.preprocessor.front.kind == "waveform":
            features = FrontEnd(rate=self.preprocessor.front.rate).features(features[None, :, 0])[0]
        features = features.numpy()
        return np.repeat(255 * features.T[::-1, :, None], 3, axis=-1)

    @cached_property
    def _files(self) -> FileColumn:
        return FileColumn(self.column)

    @cached_property
    def _marks(self) -> Tensor:
        return marks(self.digests, len(self.column))
