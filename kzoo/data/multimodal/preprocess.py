"""Several inputs to one vector: what the preprocessor of each gives, side by side, and which of them are there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.multimodal.parts import modality_of
from kzoo.data.seams import Preprocessor
from kzoo.specs.checked_json import Check, checked, many, record, text

MOST = 100
"""Inputs of a saved model."""


@dataclass(frozen=True)
class InputEntry:
    """An input of one or several backbones.

    Args:
        part: of an example, that it reads.
        preprocessor: raw values of the part to the input.
        members: names of the backbones that take it.
    """

    part: str
    preprocessor: Preprocessor
    members: tuple[str, ...]

    @property
    def fitted_size(self) -> int:
        """Numbers in the result of the preprocessor's `fit`."""
        return int(self.preprocessor.fitted.shape.num_elements() or 0)

    @property
    def size(self) -> int:
        """Numbers in the backbones' input."""
        return math.prod(self.preprocessor.shape)


@dataclass(frozen=True)
class MultimodalPreprocessor:
    """Examples of several inputs as vectors, float32: the input of each entry, flat, then a mark for each part.

    A mark is 1 where the part is there, else 0.

    The input of a part that is missing is 0. Token ids are exact, because they are below 2^24.

    Args:
        entries: in their order.
    """

    entries: tuple[InputEntry, ...]

    modality = "multimodal"

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in the order of their marks."""
        return tuple(dict.fromkeys(entry.part for entry in self.entries))

    @property
    def size(self) -> int:
        """Numbers in the network's input."""
        return sum(entry.size for entry in self.entries) + len(self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""
        return (self.size,)

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of `pack`'s results."""
        return tf.TensorSpec((sum(entry.fitted_size for entry in self.entries) + len(self.parts),), tf.float32)

    def __str__(self) -> str:
        return " and ".join(dict.fromkeys(f"{entry.part} ({entry.preprocessor})" for entry in self.entries))

    def span(self, entry: InputEntry) -> tuple[int, int]:
        """First and last position of an entry in the network's input."""
        start = sum(each.size for each in self.entries[: self.entries.index(entry)])
        return start, start + entry.size

    def mark(self, part: str) -> int:
        """Position of the mark of a part in the network's input."""
        return self.size - len(self.parts) + self.parts.index(part)

    def pack(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        """Vectors (..., size), of each entry's input (..., *shape) and marks (..., parts), all of one batch shape."""
        batch = tf.shape(present)[:-1]
        flat = [tf.reshape(tf.cast(each, tf.float32), tf.concat([batch, [-1]], axis=0)) for each in inputs]
        return tf.concat([*flat, tf.cast(present, tf.float32)], axis=-1)

    def fit(self, examples: Tensor) -> Tensor:
        """Vectors are made part by part, see `kzoo.data.loader.Loader`; those that are made already are returned."""
        return examples

    def scale(self, fitted: Tensor) -> Tensor:
        """Vectors of results of `fit` as vectors of network inputs; tensors or Keras tensors."""
        found, start, same = [], 0, True
        for entry in self.entries:
            spec = entry.preprocessor.fitted
            flat = fitted[:, start : start + entry.fitted_size]
            one = keras.ops.cast(keras.ops.reshape(flat, (-1, *spec.shape)), spec.dtype.name)
            scaled = entry.preprocessor.scale(one)
            same = same and scaled is one
            found.append(keras.ops.reshape(keras.ops.cast(scaled, "float32"), (-1, entry.size)))
            start += entry.fitted_size
        return fitted if same else keras.ops.concatenate([*found, fitted[:, start:]], axis=1)

    def raw(self) -> tuple[Tensor, Tensor]:
        """A Keras input for vectors of results of `fit`, (B, numbers), and what the network takes of it."""
        vectors = keras.Input(self.fitted.shape, name="inputs")
        return vectors, self.scale(vectors)


def restore_entries(
    values: object, restore: Callable[[str], Callable[[object], Preprocessor]]
) -> MultimodalPreprocessor:
    """The preprocessor of its fields as plain values.

    Args:
        values: the fields.
        restore: from the name of a modality to its own function of this kind.

    Raises:
        ValueError: a field is missing, unknown or out of bounds, or there is no such modality.
    """

    def entry(value: object, name: str) -> InputEntry:
        part = text(200)(record(value, name).get("part"), f"{name}.part")
        own: Mapping[str, Check] = {
            "part": text(200),
            "preprocessor": lambda plain, _: restore(modality_of(part))(plain),
            "members": many(text(200), most=MOST),
        }
        found = checked(value, own, name=name, needed=tuple(own))
        return InputEntry(found["part"], found["preprocessor"], tuple(found["members"]))

    entries = checked(values, {"entries": many(entry, most=MOST)}, name="preprocessor", needed=("entries",))["entries"]
    if not entries:
        raise ValueError("A preprocessor of several inputs must have entries. Got none.")
    return MultimodalPreprocessor(tuple(entries))
