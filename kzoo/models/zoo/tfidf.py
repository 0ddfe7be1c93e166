"""TF-IDF of hashed n-grams as a layer: token ids (B, T), int32, in; weighted sums of embeddings (B, width) out."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.core.tensors import Config, Shape, Tensor

ops = keras.ops


def tfidf_bag(input_shape: tuple[int | None, ...], *, buckets: int, width: int) -> keras.Model:
    """Sums of embeddings weighted by TF-IDF, which is a linear model of n-grams.

    Args:
        input_shape: (T,).
        buckets: number of ids; see `TfidfEmbedding`.
        width: size of an embedding.
    """
    ids = keras.Input(input_shape, dtype="int32", name="tokens")
    return keras.Model(ids, TfidfEmbedding(buckets, width, name="embedding")(ids), name="ngrams")


@keras.saving.register_keras_serializable(package="kzoo")
class TfidfEmbedding(keras.layers.Layer):
    """The sum (B, width) of the embeddings of token ids (B, T), weighted by TF-IDF.

    A token that occurs c times has the weight (1 + log c) idf. Ids below ``buckets / 2`` form one block (words), the
    others a second (character n-grams); the weights of each block are scaled to unit length. Id 0 is padding. This
    equals scikit-learn's ``TfidfVectorizer(sublinear_tf=True)``, one per block, times a matrix.

    `idf` is not trained: it is 1 until a linear probe measures it, and 0 for ids that no training text contains.

    Args:
        buckets: number of ids.
        width: size of an embedding.
    """

    def __init__(self, buckets: int, width: int, **options: object) -> None:
        super().__init__(**options)
        self.buckets, self.width = buckets, width

    def build(self, input_shape: Shape) -> None:
        """Creates `embeddings`, as ``keras.layers.Embedding`` does, and `idf`."""
        shape = (self.buckets, self.width)
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer="uniform")
        self.idf = self.add_weight(name="idf", shape=(self.buckets,), initializer="ones", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        ids = ops.cast(inputs, "int32")
        weights = ops.cast(self.weights_of(ids), self.compute_dtype)
        return ops.matmul(weights[:, None], ops.take(self.embeddings, ids, axis=0))[:, 0]

    def weights_of(self, ids: Tensor) -> Tensor:
        """The weight of each token, float32 (B, T); a token that occurs c times has 1/c of its weight each time."""
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
        """The config of the layer."""
        return {**super().get_config(), "buckets": self.buckets, "width": self.width}


def _counts(ids: Tensor, buckets: int) -> Tensor:
    """How often each id occurs in its row, float32 (B, T)."""
    rows = tf.range(tf.shape(ids)[0], dtype=tf.int64)[:, None]
    keys = tf.cast(ids, tf.int64) + buckets * rows
    _, places, counts = tf.unique_with_counts(tf.reshape(keys, (-1,)))
    return tf.cast(tf.reshape(tf.gather(counts, places), tf.shape(ids)), tf.float32)
