"""Reader of numbers: by index, changed by an augmentation of the user's own alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.seams import Preprocessor
from kzoo.data.seeds import items, version_key
from kzoo.specs.phases import OWN


@dataclass(frozen=True)
class ArrayReader:
    """A column of arrays of one shape, read by index, inside of tf.data; see `kzoo.data.seams.Reader`.

    Args:
        column: checked examples (N, ...).
        preprocessor: of the modality.
        digests: SHA-256 of each example; not used: nothing is drawn.
        seed: of the run.
        mixable: not used: arrays are not mixed.
        own: an augmentation of the user's, of one example (...), see `kzoo.data.own_augmentation`.
    """

    column: np.ndarray
    preprocessor: Preprocessor
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = True
    own: OwnAugmentation | None = None

    nouns: ClassVar[str] = "Arrays"
    """The name of the examples in messages."""

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one example, (V, *fitted.shape)."""
        example = tf.gather(self._examples, index)
        if augmentation == "none":
            return self._fit(example[None])
        if augmentation == OWN and self.own is not None:
            return self._fit(tf.stack([self.own(example) for _ in items(numbers)]))
        raise ValueError(
            f"{self.nouns} have no augmentation {augmentation!r}. Pass 'none', a Keras layer, or a callable."
        )

    def finish(
        self, fitted: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, ...), as the network takes it, (B * V, ...), and its targets."""
        targets = tf.repeat(targets, fitted.shape[1], axis=0)
        return self.preprocessor.scale(tf.reshape(fitted, (-1, *fitted.shape[2:]))), targets

    def mixes(self, augmentation: str) -> bool:
        """They are not mixed with each other."""
        return False

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of an example depends on, as plain values."""
        own = self.own.key if augmentation == OWN and self.own is not None else None
        return version_key(self.preprocessor, None, seed=self.seed, own=own)

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """They have none."""
        raise TypeError(f"{self.nouns} cannot be drawn. Use print(adapted.evaluate().worst()) to list the worst.")

    def _fit(self, examples: Tensor) -> Tensor:
        return self.preprocessor.fit(examples)

    @cached_property
    def _examples(self) -> Tensor:
        with tf.init_scope():
            return tf.constant(self.column)
