"""Reader of rows: by index, all preprocessed at once, changed by an augmentation of the user's own alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.row.preprocess import RowPreprocessor
from kzoo.data.seeds import items, version_key
from kzoo.specs.phases import OWN

AT_ONCE = 4096
"""Rows whose texts are in memory as a tensor."""


@dataclass(frozen=True)
class RowReader:
    """A column of rows, read by index, inside of tf.data; see `kzoo.data.seams.Reader`.

    Args:
        column: checked rows, a structured array (N,).
        preprocessor: of rows.
        digests: SHA-256 of each row; not used: nothing is drawn.
        seed: of the run.
        mixable: not used: rows are not mixed.
        own: an augmentation of the user's, of one preprocessed row, float32 (*shape).
    """

    column: np.ndarray
    preprocessor: RowPreprocessor
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = True
    own: OwnAugmentation | None = None

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one row, float32 (V, *fitted.shape)."""
        row = tf.gather(self._rows, index)
        if augmentation == "none":
            return row[None]
        if augmentation == OWN and self.own is not None:
            return tf.stack([self.own(row) for _ in items(numbers)])
        raise ValueError(f"Rows have no augmentation {augmentation!r}. Pass 'none', a Keras layer, or a callable.")

    def finish(
        self, fitted: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, F), as the network takes it, (B * V, F), and its targets."""
        return tf.reshape(fitted, (-1, fitted.shape[-1])), tf.repeat(targets, fitted.shape[1], axis=0)

    def mixes(self, augmentation: str) -> bool:
        """Rows are not mixed with each other."""
        return False

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of a row depends on, as plain values."""
        own = self.own.key if augmentation == OWN and self.own is not None else None
        return version_key(self.preprocessor, None, seed=self.seed, own=own)

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """A row has none."""
        raise TypeError("Rows cannot be drawn. Use print(adapted.evaluate().worst()) to list the worst.")

    @cached_property
    def _rows(self) -> Tensor:
        with tf.init_scope():
            cells = self.preprocessor.align(self.column)
            parts = [cells[start : start + AT_ONCE] for start in range(0, len(cells), AT_ONCE)]
            fitted = [self.preprocessor.fit(tf.constant(part.tolist(), tf.string)) for part in parts]
            return tf.concat(fitted, axis=0) if fitted else tf.zeros((0, *self.preprocessor.shape))
