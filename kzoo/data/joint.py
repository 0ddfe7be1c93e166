"""One preprocessor for several backbones, so that each example is read once for all of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.data.image.preprocess import scaling_layers
from kzoo.data.seams import Preprocessor
from kzoo.data.text.cleaning import clean
from kzoo.data.text.preprocess import TextPreprocessor
from kzoo.specs.checked_json import Check, checked, many, record


@dataclass(frozen=True)
class MemberInput:
    """The part of the joint input that one backbone takes.

    Args:
        span: first and last position of its part of an example; None: all of it.
        scaling: one of `kzoo.specs.card.SCALINGS`; inputs are not scaled before it.
    """

    span: tuple[int, int] | None = None
    scaling: str = "none"


@dataclass(frozen=True)
class JointTextPreprocessor:
    """Texts to the token ids of several backbones side by side, int32 (B, sum of sizes).

    Args:
        members: their preprocessors.
    """

    members: tuple[TextPreprocessor, ...]

    @property
    def modality(self) -> str:
        """Name of the modality that it reads."""
        return "text"

    @property
    def size(self) -> int:
        """Token ids of all together."""
        return sum(member.size for member in self.members)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""
        return (self.size,)

    @property
    def fitted(self) -> tf.TensorSpec:
        """Shape, without the batch, and dtype of what `fit` gives."""
        return tf.TensorSpec((self.size,), tf.int32)

    def __str__(self) -> str:
        return "texts of " + " and ".join(f"{member.size}" for member in self.members) + " tokens"

    def tokenize(self, texts: Tensor) -> Tensor:
        """Token ids, int32 (B, size), of texts, string (B,)."""
        return tf.concat([member.tokenize(texts) for member in self.members], axis=1)

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


def restore_texts(values: object) -> TextPreprocessor | JointTextPreprocessor:
    """The preprocessor of texts of its fields as plain values; ValueError where they are none."""
    if "members" in record(values, "preprocessor"):
        several: Check = many(lambda value, name: TextPreprocessor.restore(value), most=100)
        found = checked(values, {"members": several}, name="preprocessor", needed=("members",))
        return JointTextPreprocessor(tuple(found["members"]))
    return TextPreprocessor.restore(values)


def join(preprocessors: Sequence[Preprocessor]) -> tuple[Preprocessor, list[MemberInput]]:
    """One preprocessor for all, and the part of its results that each backbone takes.

    Raises:
        ValueError: the preprocessors of images or recordings differ.
    """
    first = preprocessors[0]
    if all(each == first for each in preprocessors):
        return first, [MemberInput() for _ in preprocessors]
    texts = tuple(each for each in preprocessors if isinstance(each, TextPreprocessor))
    if len(texts) == len(preprocessors):
        ends = [sum(each.size for each in texts[:number]) for number in range(len(texts) + 1)]
        return JointTextPreprocessor(texts), [MemberInput(span) for span in itertools.pairwise(ends)]
    scalings = [str(getattr(each, "scaling", "none")) for each in preprocessors]
    plain = [without_scaling(each) for each in preprocessors]
    if all(each == plain[0] for each in plain):
        return plain[0], [MemberInput(scaling=scaling) for scaling in scalings]
    forms = "; ".join(dict.fromkeys(map(str, preprocessors)))
    raise ValueError(f"All backbones must take the same input. Got {forms}. Give each the same size= and resize=.")


def without_scaling(preprocessor: Preprocessor) -> Preprocessor:
    """The same preprocessor, whose results are not scaled."""
    return replace(preprocessor, scaling="none") if hasattr(preprocessor, "scaling") else preprocessor  # type: ignore[call-arg]


def scaled(share: MemberInput, inputs: Tensor, *, prefix: str) -> Tensor:
    """Joint input, a Keras tensor of images, in the scaling of one backbone."""
    for layer in scaling_layers(share.scaling):
        layer.name = f"{prefix}.{layer.name}"
        inputs = layer(inputs)
    return inputs
