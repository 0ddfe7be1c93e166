"""Text backbones: token ids (B, T), int32, in; one vector per text (B, width) out."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.graph.walking import makers
from kzoo.core.tensors import Config, Shape, Tensor
from kzoo.models.hub.rewiring import load, rewire
from kzoo.models.zoo.languages import FixedEmbedding, LanguageMean

ops = keras.ops

PRIME, FACTOR = (1 << 31) - 1, 1_000_003
"""Constants of the polynomial hash of token n-grams (Karp and Rabin 1987); their product fits into 64 bits."""


def ngram_bag(
    input_shape: tuple[int | None, ...], *, buckets: int, width: int, power: float = 1.0, languages: bool = False
) -> keras.Model:
    """The mean of the embeddings of all tokens (fastText, arXiv:1607.01759); `power` is that of `MaskedMean`.

    With `languages`, the embeddings are those of two languages: they are not trained, since the texts of one language
    would move its words alone, and the means of texts are standardised by language, see `LanguageMean`.
    """
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    if languages:
        x = FixedEmbedding(buckets, width, name="embedding")(ids)
        return keras.Model(ids, LanguageMean(buckets, name="languages")([x, ids]), name="ngrams")
    x = keras.layers.Embedding(buckets, width, name="embedding")(ids)
    return keras.Model(ids, MaskedMean(power, name="mean")([x, PaddingMask(0, name="mask")(ids)]), name="ngrams")


def text_cnn(input_shape: tuple[int, ...], *, buckets: int, width: int, runs: int, run_width: int) -> keras.Model:
    """Convolutions over 2, 3 and 4 tokens with max pooling (arXiv:1408.5882), beside bags of token n-grams.

    N-grams of 1, 2 and 3 tokens have their own embeddings, which are averaged: convolutions generalise, n-grams
    memorise (as in Wide & Deep, arXiv:1606.07792).

    Args:
        input_shape: (T,).
        buckets: size of the vocabulary.
        width: size of a token embedding and number of filters of each convolution.
        runs: number of hash buckets for n-grams of each length.
        run_width: size of an n-gram embedding.
    """
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    x = keras.layers.Embedding(buckets, width, name="embedding")(ids)
    x = keras.layers.SpatialDropout1D(0.2, name="drop")(x)
    parts = []
    for size in (2, 3, 4):
        y = keras.layers.Conv1D(width, size, padding="same", activation="relu", name=f"conv{size}")(x)
        parts.append(keras.layers.GlobalMaxPooling1D(name=f"max{size}")(y))
    for size in (1, 2, 3):
        hashed = NgramHashes(size, runs, name=f"runs{size}")(ids)
        y = keras.layers.Embedding(runs, run_width, name=f"run_embedding{size}")(hashed)
        y = keras.layers.SpatialDropout1D(0.2, name=f"run_drop{size}")(y)
        parts.append(MaskedMean(name=f"run_mean{size}")([y, PaddingMask(0, name=f"run_mask{size}")(hashed)]))
    x = keras.layers.Concatenate(name="joined")(parts)
    return keras.Model(ids, keras.layers.Dropout(0.4, name="features")(x), name="text_cnn")


def encoder(
    input_shape: tuple[int, ...],
    *,
    preset: str,
    pooling: str = "mean",
    exact_gelu: bool = False,
    weights: str | None = None,
) -> keras.Model:
    """A KerasHub text encoder (extra ``text``) as a plain functional model with one input.

    Args:
        input_shape: (T,).
        preset: name of a preset, or a folder in Hugging Face format.
        pooling: ``"mean"`` over all tokens but padding, or ``"cls"``, the first token.
        exact_gelu: use the exact GELU, as the original does, instead of KerasHub's tanh approximation.
        weights: ``"preset"``, or None for random weights.

    Raises:
        ImportError: KerasHub is not installed.
        WeightsError: the preset is neither cached nor can it be downloaded.
    """
    original = load(preset, weights=weights, extra="text")
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    return text_encoder(ids, original, pad=_padding(preset), pooling=pooling, exact_gelu=exact_gelu)


def text_encoder(
    ids: Tensor, original: keras.Model, *, pad: int, pooling: str = "mean", exact_gelu: bool = False
) -> keras.Model:
    """A functional model of token ids with the layers and weights of a KerasHub text backbone.

    Args:
        ids: Keras tensor, int32 (B, T).
        original: the KerasHub backbone.
        pad: the id of padding.
        pooling, exact_gelu: see `encoder`.
    """
    mask = PaddingMask(pad, name="mask")(ids)
    feeds = {"token_ids": ids}
    if "padding_mask" in original.input:
        feeds["padding_mask"] = mask
    if "segment_ids" in original.input:
        feeds["segment_ids"] = SegmentIds(name="segments")(ids)
    output = "sequence_output" if isinstance(original.output, dict) else ""
    states = rewire(original, feeds, output=output, exact_gelu=exact_gelu)
    features = MaskedMean(name="pooled")([states, mask]) if pooling == "mean" else FirstToken(name="pooled")(states)
    return keras.Model(ids, features, name="encoder")


def find_states(backbone: keras.Model) -> Tensor | None:
    """The token states (B, T, C) that an encoder pools; None if it pools plain embeddings."""
    made_by = makers(backbone)
    pooling = made_by[id(backbone.output)]
    if not isinstance(pooling, MaskedMean | FirstToken):
        return None
    states = keras.tree.flatten(pooling.input)[0]
    return None if isinstance(made_by[id(states)], keras.layers.Embedding) else states


def _padding(preset: str) -> int:
    """The padding id of a preset's vocabulary."""
    import keras_hub

    return keras_hub.models.Tokenizer.from_preset(preset).pad_token_id


@keras.saving.register_keras_serializable(package="kzoo")
class PaddingMask(keras.layers.Layer):
    """A mask, int32 (B, T), of ids (B, T): 1 for a token, 0 for padding."""

    def __init__(self, pad: int, **options: object) -> None:
        super().__init__(**options)
        self.pad = pad

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return ops.cast(ops.not_equal(inputs, self.pad), "int32")

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """(B, T), int32."""
        return keras.KerasTensor(inputs.shape, dtype="int32")

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "pad": self.pad}


@keras.saving.register_keras_serializable(package="kzoo", name="Runs")
class NgramHashes(keras.layers.Layer):
    """Hashes, int32 (B, T), of the n-grams that begin at each of the ids (B, T); 0 if the n-gram is cut off."""

    def __init__(self, length: int, buckets: int, **options: object) -> None:
        super().__init__(**options)
        self.length, self.buckets = length, buckets

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        ids = ops.cast(inputs, "int64")
        found, whole = ids, ids > 0
        for step in range(1, self.length):
            later = ops.pad(ids, [(0, 0), (0, step)])[:, step:]
            found, whole = ops.mod(found * FACTOR + later, PRIME), whole & (later > 0)
        return ops.where(whole, ops.cast(ops.mod(found, self.buckets - 1) + 1, "int32"), 0)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """(B, T), int32."""
        return keras.KerasTensor(inputs.shape, dtype="int32")

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "length": self.length, "buckets": self.buckets}


@keras.saving.register_keras_serializable(package="kzoo", name="Zeros")
class SegmentIds(keras.layers.Layer):
    """Segment ids of a single segment: zeros of the shape of the ids (B, T)."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return ops.zeros_like(inputs)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """(B, T), int32."""
        return keras.KerasTensor(inputs.shape, dtype="int32")


@keras.saving.register_keras_serializable(package="kzoo")
class MaskedMean(keras.layers.Layer):
    """The mean (B, C) of states (B, T, C) over the tokens that a mask (B, T) selects; zeros if it selects none.

    Args:
        power: the sum is divided by ``count ** power``: 1 gives the mean. With 0.5, a long text has a longer vector
            than a short one, as with counts normalised to unit length.
    """

    def __init__(self, power: float = 1.0, **options: object) -> None:
        super().__init__(**options)
        self.power = power

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        states, mask = inputs
        weights = ops.expand_dims(ops.cast(mask, states.dtype), -1)
        return ops.sum(states * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0) ** self.power

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, C)."""
        return (input_shape[0][0], input_shape[0][-1])

    def get_config(self) -> Config:
        """The config of the layer."""
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="kzoo", name="First")
class FirstToken(keras.layers.Layer):
    """The state (B, C) of the first token of (B, T, C)."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return inputs[:, 0]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, C)."""
        return (input_shape[0], input_shape[-1])
