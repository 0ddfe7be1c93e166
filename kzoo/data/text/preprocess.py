"""Texts: from strings to token ids of one length, the same in training and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.own_augmentation import OwnAugmentation
from kzoo.data.seeds import items, marks, seeds_of, version_key
from kzoo.data.text.cleaning import clean
from kzoo.data.text.tokenizers import Tokenizer, find_tokenizer, restore
from kzoo.specs.card import BackboneSpec
from kzoo.specs.checked_json import Check, checked, record, whole
from kzoo.specs.phases import OWN
from kzoo.specs.saved_card import LONGEST

SHARE, SPARSE_SHARE = 0.95, 0.99
"""Share of the training texts that the chosen length holds whole; the second where it costs next to nothing."""

MEASURED = 2_000
"""Texts whose length is measured where the length matters little."""

MOST_UNKNOWN = 0.2
"""Share of unknown tokens above which a reader is warned."""

BATCH = 256


@dataclass(frozen=True)
class TextPreprocessor:
    """Texts to token ids, int32 (B, size). Deterministic; made of TensorFlow operations alone.

    Args:
        size: tokens; a longer text is cut, a shorter one padded.
        tokenizer: see `kzoo.data.text.tokenizers`.
    """

    size: int
    tokenizer: Tokenizer

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        return "text"

    @classmethod
    def restore(cls, values: object) -> TextPreprocessor:
        """The preprocessor of its fields as plain values.

        Raises:
            ValueError: a field is missing, unknown or out of bounds.
        """
        checks: dict[str, Check] = {"size": whole(1, LONGEST), "tokenizer": record}
        found = checked(values, checks, name="preprocessor", needed=tuple(checks))
        return cls(found["size"], restore(found["tokenizer"]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""
        return (self.size,)

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec((self.size,), tf.int32)

    def __str__(self) -> str:
        return f"texts of {self.size} tokens"

    def tokenize(self, texts: Tensor) -> Tensor:
        """Token ids, int32 (B, size), of texts, string (B,); what ends a text is kept when it is cut."""
        ids = self.tokenizer.ids(texts)
        lengths = tf.minimum(tf.cast(ids.row_lengths(), tf.int32), self.size)
        dense = ids.to_tensor(default_value=self.tokenizer.pad, shape=(None, self.size))
        if self.tokenizer.last is None:
            return dense
        ends = tf.one_hot(lengths - 1, self.size, on_value=True, off_value=False)
        return tf.where(ends & (lengths > 0)[:, None], self.tokenizer.last, dense)

    def fit(self, texts: Tensor) -> Tensor:
        """See `tokenize`."""
        return self.tokenize(texts)

    def clean(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """See `kzoo.data.text.cleaning.clean`."""
        return clean(texts)

    def scale(self, ids: Tensor) -> Tensor:
        """Ids are what the network takes."""
        return ids

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for token ids, int32 (B, size), which the network takes as they are."""
        ids = keras.Input((self.size,), dtype="int32", name="tokens")
        return ids, ids


def text_shape(card: BackboneSpec, size: int, channels: int) -> tuple[int, ...]:
    """The input of a card's backbone, without the batch: token ids (size,)."""
    return (size,)


def fit_texts(
    card: BackboneSpec, column: np.ndarray, *, size: int | None, resize: str, channels: int
) -> tuple[TextPreprocessor, list[str]]:
    """The preprocessor of a card, of a length that holds most texts of a column, and notes about it."""
    tokenizer = find_tokenizer(card.reads)
    share = SPARSE_SHARE if card.is_sparse else SHARE
    some = column[:: -(-len(column) // MEASURED)] if card.is_sparse else column
    length, unknown = measure_texts(some, tokenizer, most=card.size, share=share)
    notes = [] if size else [f"Texts are cut to {length} tokens, enough for {share:.0%} of them or the limit"]
    if unknown > MOST_UNKNOWN:
        scripts = f" It supports {', '.join(card.scripts)}." if card.scripts else ""
        notes.append(
            f"WARNING: {unknown:.0%} of the tokens are unknown to {card.name}.{scripts} Choose another backbone."
        )
    return TextPreprocessor(size or length, tokenizer), notes


def measure_texts(column: np.ndarray, tokenizer: Tokenizer, *, most: int, share: float = SHARE) -> tuple[int, float]:
    """The length that holds most texts whole, in tokens, and the share of tokens that are unknown.

    Args:
        column: texts, object array (N,).
        tokenizer: how they are cut.
        most: the longest that the backbone takes.
        share: of the texts, that the length holds whole.
    """
    lengths: list[int] = []
    unknown: list[float] = []
    for start in range(0, len(column), BATCH):
        ids = tokenizer.ids(tf.constant(list(column[start : start + BATCH])))
        lengths += ids.row_lengths().numpy().tolist()
        unknown += tokenizer.unknown(ids).numpy().tolist()
    return int(min(max(np.ceil(np.quantile(lengths, share)), 4), most)), float(np.average(unknown, weights=lengths))


@dataclass(frozen=True)
class TextReader:
    """A text column whose texts are cut into tokens and augmented, by index, inside of tf.data.

    Args:
        column: texts, object array (N,).
        preprocessor: the backbone's.
        digests: SHA-256 of each text, which seeds its augmentation. Empty: its index does.
        seed: of the run.
        mixable: not used: texts are not mixed.
        own: an augmentation of the user's, of one text, see `kzoo.data.own_augmentation`.
    """

    column: np.ndarray
    preprocessor: TextPreprocessor
    digests: Sequence[str] = ()
    seed: int = 0
    mixable: bool = True
    own: OwnAugmentation | None = None

    def load(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one text, token ids int32 (V, size); see `kzoo.data.image.reader.ImageReader.load`."""
        if augmentation == "none":
            return tf.gather(self._ids, index)[None]
        return self.preprocessor.tokenize(self.versions(index, augmentation, numbers))

    def versions(self, index: Tensor, augmentation: str, numbers: Tensor) -> Tensor:
        """Views of one text, string (V,)."""
        if augmentation == OWN and self.own is not None:
            return tf.stack([self.own(tf.gather(self._texts, index)) for _ in items(numbers)])
        text, seeds = tf.gather(self._texts, index), seeds_of(self.seed, numbers, tf.gather(self._marks, index))
        return tf.stack([augment_text(text, preset=TEXT_PRESETS[augmentation], seed=seed) for seed in seeds])

    def finish(
        self, ids: Tensor, targets: Tensor, augmentation: str, *, numbers: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A batch of `load`, (B, V, size), as the backbone takes it, (B * V, size), and its targets."""
        # Ragged ids lose the number of views from their static shape.
        targets = tf.repeat(targets, tf.shape(ids)[1], axis=0)
        return tf.reshape(ids, (-1, self.preprocessor.size)), targets

    def mixes(self, augmentation: str) -> bool:
        """Texts are not mixed with each other."""
        return False

    def key(self, augmentation: str) -> dict[str, object]:
        """Everything besides content and number that a view of a text depends on, as plain values."""
        own = self.own.key if augmentation == OWN and self.own is not None else None
        return version_key(self.preprocessor, TEXT_PRESETS.get(augmentation), seed=self.seed, own=own)

    def image(self, index: int, augmentation: str) -> np.ndarray:
        """A text has none."""
        raise TypeError("Texts cannot be drawn. Use print(adapted.evaluate().worst()) to show them.")

    @cached_property
    def _ids(self) -> Tensor:
        with tf.init_scope():
            parts = [
                self.preprocessor.tokenize(tf.constant(list(self.column[start : start + BATCH])))
                for start in range(0, len(self.column), BATCH)
            ]
            return tf.concat(parts, axis=0)

    @cached_property
    def _texts(self) -> Tensor:
        with tf.init_scope():
            return tf.constant(list(self.column))

    @cached_property
    def _marks(self) -> Tensor:
        return marks(self.digests, len(self.column))


@dataclass(frozen=True)
class TextPreset:
    """How much a text is changed (EDA, arXiv:1901.11196).

    Args:
        delete: share of its words, or of its characters where they are words, that are left out.
        swap: share of its words that change places with the next one.
    """

    delete: float
    swap: float = 0.0


TEXT_PRESETS = {
    "light": TextPreset(delete=0.05),
    "medium": TextPreset(delete=0.1, swap=0.05),
    "strong": TextPreset(delete=0.2, swap=0.1),
}


def augment_text(text: Tensor, *, preset: TextPreset, seed: Tensor) -> Tensor:
    """A text (scalar string) with words left out and swapped; one word at least stays.

    KerasHub's layers draw from generators whose state cannot be restored (0.32).
    """
    words = tf.strings.split(tf.strings.regex_replace(text, r"\p{Han}|\p{Hiragana}|\p{Katakana}|\p{Thai}", r" \0 "))
    seeds = tf.unstack(tf.random.split(seed, 2))
    lots = tf.random.stateless_uniform(tf.shape(words), seeds[0])
    # The word with the highest lot always stays.
    words = tf.boolean_mask(words, (lots >= preset.delete) | (lots >= tf.reduce_max(lots)))
    places = tf.cast(tf.range(tf.shape(words)[0]), tf.float32)
    jumps = tf.cast(tf.random.stateless_uniform(tf.shape(words), seeds[1]) < preset.swap, tf.float32)
    words = tf.gather(words, tf.argsort(places + 1.5 * jumps, stable=True))
    return tf.strings.reduce_join(words, separator=" ")
