"""Reader of examples of several inputs: each part by the reader of its modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.multimodal.parts import modality_of
from kzoo.data.multimodal.preprocess import InputEntry, MultimodalPreprocessor
from kzoo.data.multimodal.presence import find_used
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.seams import Modality, Reader
from kzoo.data.seeds import items


@dataclass(frozen=True)
class MultimodalReader:
    """A column of parts that are read and augmented, each by the reader of its modality, by index, inside of tf.data.

    Args:
        column: of N examples, a structured array.
        preprocessor: of all parts.
        known: all other modalities, by name.
        digests: SHA-256 of each example.
        seed: of the run.
        mixable: not used: examples of several inputs are not mixed.
        own: not used: an augmentation of the user's is of one input, see `kzoo.data.own_augmentation.check_own`.
    """

    column: np.ndarray
    preprocessor: MultimodalPreprocessor
    known: Mapping[str, Modality]
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = False
    own: OwnAugmentation | None = None

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one example, float32 (V, numbers); a part that is missing is 0 in all of them."""
        views = len(items(numbers))
        inputs = [self._load(number, index, augmentation, numbers) for number in range(len(self.preprocessor.entries))]
        there = tf.gather(self._marks, index)
        return self.preprocessor.pack(inputs, tf.repeat(there[None], views, axis=0))

    def finish(
        self, fitted: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, numbers), as the network takes it, (B * V, *shape), and its targets."""
        views = fitted.shape[1]
        flat = tf.reshape(fitted, (-1, *self.preprocessor.fitted.shape))
        return self.preprocessor.scale(flat), tf.repeat(targets, views, axis=0)

    def mixes(self, augmentation: str) -> bool:
        """Whether examples of a batch are mixed: never."""
        return False

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of an example depends on, as plain values."""
        return {
            f"{number} {entry.part}": self._reader(entry, np.arange(0)).key(self._augmentation(entry, augmentation))
            for number, entry in enumerate(self.preprocessor.entries)
        }

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """The first part of an example that can be drawn, float32 (H, W, 1 or 3) in 0..255; TypeError without any."""
        for number, entry in enumerate(self.preprocessor.entries):
            place = int(self._places[entry.part][index])
            if place >= 0 and self.known[modality_of(entry.part)].thumbnail:
                return self._readers[number].image(place, augmentation)
        raise TypeError("This example has no image.")

    def _load(self, number: int, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        entry, views = self.preprocessor.entries[number], len(items(numbers))
        spec = entry.preprocessor.fitted
        blank = tf.zeros((views, *spec.shape), spec.dtype)
        if number not in self._readers:
            return blank
        reader = self._readers[number]
        place = tf.gather(self._tensors[entry.part], index)
        own = self._augmentation(entry, augmentation)

        def there() -> Tensor:
            if own == "none":
                return tf.repeat(reader.load(place, own, tf.zeros(1, tf.int32)), views, axis=0)
            return tf.ensure_shape(reader.load(place, own, numbers), blank.shape)

        return tf.cond(place >= 0, there, lambda: blank)

    def _augmentation(self, entry: InputEntry, augmentation: str) -> str:
        return augmentation if self.known[modality_of(entry.part)].presets else "none"

    @cached_property
    def _places(self) -> dict[str, np.ndarray]:
        """By part: the place of each example among those that have it, int64 (N,); -1 for the others."""
        with tf.init_scope():
            there = find_used(self.preprocessor, self.column, self.known)
        return {part: np.where(each, np.cumsum(each) - 1, -1).astype(np.int64) for part, each in there.items()}

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        with tf.init_scope():
            return {part: tf.constant(each) for part, each in self._places.items()}

    @cached_property
    def _marks(self) -> Tensor:
        marks = np.stack([each >= 0 for each in self._places.values()], axis=1).astype(np.float32)
        with tf.init_scope():
            return tf.constant(marks)

    @cached_property
    def _readers(self) -> dict[int, Reader]:
        """The reader of each entry whose part any example has, by the entry's place."""
        entries = enumerate(self.preprocessor.entries)
        rows = {number: (entry, np.flatnonzero(self._places[entry.part] >= 0)) for number, entry in entries}
        return {number: self._reader(entry, own) for number, (entry, own) in rows.items() if len(own)}

    def _reader(self, entry: InputEntry, rows: np.ndarray) -> Reader:
        digests = [self.digests[row] for row in rows.tolist()] if len(self.digests) else ()
        values = self.column[entry.part][rows]
        modality = self.known[modality_of(entry.part)]
        return modality.reader(values, entry.preprocessor, digests=digests, seed=self.seed, mixable=False)
