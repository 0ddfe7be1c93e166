"""TF-IDF of hashed n-grams as a layer: from token ids (B, T), int32, to weighted sums of embeddings (B, width)."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.core.tensors import Config, Shape, Tensor

ops = keras.ops


def tfidf_bag(input_shape: tuple[int | None, ...], *, buckets: int, width: int) -> keras.Model:
    """Sums of embeddings weighted by TF-IDF: a linear model of n-grams, as wide as its table.

    Args:
        input_shape: (T,).
        buckets: number of ids; see `TfidfEmbedding`.
        width: of an embedding.
    """
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    return keras.Model(ids, TfidfEmbedding(buckets, width, name="embedding")(ids), name="ngrams")


@keras.saving.register_keras_serializable(package="kzoo")
class TfidfEmbedding(keras.layers.Layer):
    """The sum of the embeddings of a text's tokens, each weighted by TF-IDF, (B, width) of ids (B, T).

    A token that occurs c times has the weight (1 + log c) idf. The ids below ``buckets / 2`` are one block (of words),
    those from there on another (of pieces); the weights of each block are scaled to unit length. Id 0 is padding. This
    is what scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` computes, one for each block, times a matrix.

    `idf` is not trained: it is 1 until a linear probe has measured it, and 0 for what no training text has.

    Args:
        buckets: number of ids.
        width: of an embedding.
    """

    def __init__(self, buckets: int, width: int, **options: object) -> None:
        super().__init__(**options)
        self.buckets, self.width = buckets, width

    def build(self, input_shape: Shape) -> None:
        """Makes the table, as that of ``keras.layers.Embedding``, and `idf`."""
        shape = (self.buckets, self.width)
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer="uniform")
        self.idf = self.add_weight(name="idf", shape=(self.buckets,), initializer="ones", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        ids = ops.cast(inputs, "int32")
        weights = ops.cast(self.weights_of(ids), self.compute_dtype)
        return ops.matmul(weights[:, None], ops.take(self.embeddings, ids, axis=0))[:, 0]

    def weights_of(self, ids: Tensor) -> Tensor:
        """The weight of each token, float32 (B, T): of c equal ones each has its c-th part."""
        counts = _counts(ids, self.buckets)
        values = ops.where(ids > 0, (1 + ops.log(counts)) * ops.take(self.idf, ids), 0.0)
        squares = values * values / counts
        upper = ids >= self.buckets // 2
        norms = [ops.sqrt(ops.sum(ops.where(upper == side, squares, 0.0), axis=1)) for side in (False, True)]
        lengths = ops.where(upper, norms[1][:, None], norms[0][:, None])
        return ops.divide_no_nan(values / counts, lengths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, width)."""
        return (input_shape[0], self.width)

    def get_config(self) -> Config:
        """What the layer is made from."""
        return {**super().get_config(), "buckets": self.buckets, "width": self.width}


def _counts(ids: Tensor, buckets: int) -> Tensor:
    """How often each id stands in its row, float32 (B, T)."""
    rows = tf.range(tf.shape(ids)[0], dtype=tf.int64)[:, None]
    keys = tf.cast(ids, tf.int64) + buckets * rows
    _, places, counts = tf.unique_with_counts(tf.reshape(keys, (-1,)))
    return tf.cast(tf.reshape(tf.gather(counts, places), tf.shape(ids)), tf.float32)
