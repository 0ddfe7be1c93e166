"""Reader of images: by index, decoded once, augmented, resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.file_column import FileColumn
from kzoo.data.image.augment import PRESETS, augment_views, mix
from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.seeds import first, items, marks, seeds_of, version_key
from kzoo.specs.phases import OWN


@dataclass(frozen=True)
class ImageReader:
    """An image column whose images are read, decoded once and augmented, by index, inside of tf.data.

    Args:
        column: of N examples, see `kzoo.data.examples.Examples`.
        preprocessor: the backbone's.
        digests: SHA-256 of each image, which seeds its augmentation. Empty: its index does.
        seed: of the run.
        mixable: whether targets can be mixed, as one-hot ones can.
        own: an augmentation of the user's, of one image (S, S, C) in 0..255, see `kzoo.data.own_augmentation`.
    """

    column: np.ndarray
    preprocessor: ImagePreprocessor
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = True
    own: OwnAugmentation | None = None

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one image, float32 (V, S, S, C) in 0..255.

        Args:
            index: int64 scalar.
            augmentation: a name of `PRESETS`, or ``"none"``, which gives one view.
            numbers: of the views, int (V,), V known.
        """
        image = self._decode(index)
        if augmentation == "none":
            return self.preprocessor.fit(image)[None]
        if augmentation == OWN and self.own is not None:
            fitted = self.preprocessor.fit(image)
            return tf.stack([self.own(fitted) for _ in items(numbers)])
        seeds = seeds_of(self.seed, numbers, tf.gather(self._marks, index))
        preset = PRESETS[augmentation]
        return augment_views(image, preset=preset, preprocessor=self.preprocessor, seeds=tf.stack(seeds))

    def finish(
        self, images: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load` as the backbone takes it, (B * V, S, S, C), and its targets, mixed where the preset does.

        Args:
            images: float32 (B, V, S, S, C) in 0..255, V known.
            targets: float32 (B, outputs).
            augmentation: a name of `PRESETS`, or ``"none"``.
            numbers: of the views, int (V,).
            turn: int scalar, another for each batch.
        """
        versions = images.shape[1]
        targets = tf.repeat(targets[:, None], versions, axis=1)
        if self.mixes(augmentation):
            share = PRESETS[augmentation].mix
            mixed = [
                mix(images[:, place], targets[:, place], share=share, seed=self._lot(turn, number))
                for place, number in enumerate(items(numbers))
            ]
            images, targets = (tf.stack(parts, axis=1) for parts in zip(*mixed, strict=True))
        shape = (-1, *images.shape[2:])
        return self.preprocessor.scale(tf.reshape(images, shape)), tf.reshape(targets, (-1, targets.shape[-1]))

    def mixes(self, augmentation: str) -> bool:
        """Whether an augmentation mixes the images of a batch with each other."""
        return self.mixable and augmentation in PRESETS and PRESETS[augmentation].mix > 0

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of an image depends on, as plain values."""
        own = self.own.key if augmentation == OWN and self.own is not None else None
        return version_key(self.preprocessor, PRESETS.get(augmentation), seed=self.seed, own=own)

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """An image as the network gets it, but for its scaling, float32 (S, S, C) in 0..255."""
        return self.load(tf.constant(index, tf.int64), augmentation, [0])[0].numpy()

    def _decode(self, index: Tensor) -> Tensor:
        if self.column.dtype != object:
            return self.preprocessor.colour(tf.gather(self._pixels, index))
        return self.preprocessor.decode(self._files.read(index))

    def _lot(self, turn: Tensor, number: Tensor) -> Tensor:
        return tf.stack([first(self.seed) + tf.cast(number, tf.int32), -1 - tf.cast(turn, tf.int32)])

    @cached_property
    def _pixels(self) -> Tensor:
        with tf.init_scope():
            return tf.constant(self.column)

    @cached_property
    def _files(self) -> FileColumn:
        return FileColumn(self.column)

    @cached_property
    def _marks(self) -> Tensor:
        return marks(self.digests, len(self.column))
