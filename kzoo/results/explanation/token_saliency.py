"""Token saliency: what each token of a text adds to a logit, by gradient times embedding (arXiv:1312.6034).

Where the logits are linear in the embeddings, as of TF-IDF and of means of embeddings under a linear head, this is
exact: the contributions and the bias sum to the logit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.graph.keras_internals import inputs_of, operation_of
from kzoo.core.graph.opening import tensors_below
from kzoo.core.tensors import Tensor
from kzoo.models.heads import Standardize
from kzoo.models.side_by_side import SliceFeatures
from kzoo.models.zoo.text import MaskedMean, NgramHashes, PaddingMask
from kzoo.models.zoo.tfidf import TfidfEmbedding
from kzoo.results.explanation.subject import Subject

EXACT, GRADIENT_TIMES_EMBEDDING = "exact contributions", "gradient x embedding"

_LINEAR = (
    *(keras.layers.InputLayer, keras.layers.Embedding, keras.layers.Concatenate, keras.layers.Dropout),
    *(keras.layers.SpatialDropout1D, TfidfEmbedding, MaskedMean, PaddingMask, NgramHashes, SliceFeatures, Standardize),
)


@dataclass(frozen=True)
class EmbeddedTokens:
    """A place in the graph at which token ids become vectors.

    Args:
        ids: Keras tensor (B, T), int.
        vectors: Keras tensor (B, T, C); (B, C) of a `TfidfEmbedding`.
        layer: from one to the other.
        start: place of the first of these tokens in the network's input.
        run: tokens that each id stands for, itself and those after it.
    """

    ids: Tensor
    vectors: Tensor
    layer: keras.Operation
    start: int
    run: int


@dataclass(frozen=True)
class TokenContributions:
    """What each token adds to a logit.

    Args:
        values: float32 (B, size).
        logits: the chosen one of each text, float32 (B,).
        answers: label of each, and its probability or value.
        method: `EXACT` or `GRADIENT_TIMES_EMBEDDING`.
    """

    values: np.ndarray
    logits: np.ndarray
    answers: Sequence[tuple[str, float]]
    method: str


def find_embeddings(subject: Subject) -> list[EmbeddedTokens]:
    """All places at which token ids, or hashes of runs of them, become vectors."""
    known = {id(subject.inputs): (0, 1)}
    found = []
    for tensor in tensors_below(subject.logits):
        operation, below = operation_of(tensor), inputs_of(tensor)
        if len(below) != 1 or id(below[0]) not in known:
            continue
        start, run = known[id(below[0])]
        if isinstance(operation, SliceFeatures):
            known[id(tensor)] = (start + operation.start, run)
        elif isinstance(operation, NgramHashes):
            known[id(tensor)] = (start, operation.length)
        elif isinstance(operation, TfidfEmbedding) or (len(tensor.shape) == 3 and _is_float(tensor)):
            found.append(EmbeddedTokens(below[0], tensor, operation, start, run))
    return found


def _is_float(tensor: Tensor) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def is_linear(subject: Subject) -> bool:
    """Whether the logits are linear in the embeddings of tokens."""
    operations = [operation_of(tensor) for tensor in tensors_below(subject.logits)]
    linear = keras.activations.linear
    return all(
        isinstance(each, _LINEAR) or (isinstance(each, keras.layers.Dense) and each.activation is linear)
        for each in operations
    )


def make_token_saliency(subject: Subject) -> Callable[[np.ndarray], TokenContributions]:
    """From token ids, int32 (B, size), to what each token adds to the logit.

    Raises:
        ValueError: the network does not embed token ids.
    """
    places = find_embeddings(subject)
    if not places:
        raise ValueError("The network has no layer that embeds token ids, so its texts cannot be explained.")
    tensors = [each for place in places for each in (place.ids, place.vectors)]
    network = keras.Model(subject.inputs, [*tensors, subject.logits])
    method = EXACT if is_linear(subject) else GRADIENT_TIMES_EMBEDDING
    # Of frozen layers nothing is recorded unless their weights are watched.
    weights = [weight.value for place in places for weight in getattr(place.layer, "weights", ())]

    def contribute(examples: np.ndarray) -> TokenContributions:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            *values, logits = keras.tree.flatten(network(tf.constant(examples), training=False))
            chosen = subject.choose(logits)
            scores = tf.gather(logits, chosen, batch_dims=1)
        ids, vectors = values[::2], values[1::2]
        gradients = tape.gradient(scores, vectors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        total = np.zeros(examples.shape, np.float64)
        for place, *parts in zip(places, ids, vectors, gradients, strict=True):
            _add(total, place, *parts)
        answers = subject.answers(logits, chosen)
        return TokenContributions(total.astype(np.float32), scores.numpy().astype(np.float32), answers, method)

    return contribute


def _add(total: np.ndarray, place: EmbeddedTokens, ids: Tensor, vectors: Tensor, gradients: Tensor) -> None:
    """Adds the contributions at one place to those of the tokens that they are made of."""
    layer = place.layer
    if isinstance(layer, TfidfEmbedding):
        rows = tf.gather(tf.convert_to_tensor(layer.embeddings), ids)
        values = tf.einsum("btc,bc->bt", tf.cast(rows, tf.float32), tf.cast(gradients, tf.float32))
        values = values * layer.weights_of(tf.cast(ids, tf.int32))
    else:
        values = tf.reduce_sum(tf.cast(vectors, tf.float32) * tf.cast(gradients, tf.float32), axis=-1)
    numbers = values.numpy() / place.run
    count = numbers.shape[1]
    for step in range(place.run):
        total[:, place.start + step : place.start + count] += numbers[:, : count - step]
