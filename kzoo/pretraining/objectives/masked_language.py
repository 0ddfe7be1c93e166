"""Masked language: which tokens were taken out of a text.

An encoder, which has a state for each token, says it in their places (BERT, arXiv:1810.04805). A backbone that gives
one vector a text says it from that vector, as the bag of words around a word does (CBOW, arXiv:1301.3781).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from kzoo.core.tensors import Shape, Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective

SHARE = 0.15
"""Of the tokens, that are asked for."""


class MaskedLanguage(Objective):
    """The cross-entropy of the tokens that are asked for."""

    name, paper = "masked_language", "https://arxiv.org/abs/1810.04805"
    modalities, augmentation = ("text",), "none"

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Texts without some tokens, and the places of these; and what they were, or -1 where there were none.

        Of an encoder, of what is asked for, 8 of 10 are the token for that, one is another, one is what it was.
        """
        count, length = tf.shape(examples)[0], examples.shape[1]
        asked = max(round(SHARE * length), 1)
        seeds = tf.unstack(tf.random.split(seed, 4))
        there = examples != self.pad
        # Only half of a text's tokens at most, however short it is.
        most = tf.reduce_sum(tf.cast(there, tf.int32), axis=1, keepdims=True) // 2
        drawn = tf.where(there, tf.random.stateless_uniform(tf.shape(examples), seeds[0]), -1.0)
        places = tf.math.top_k(drawn, asked)[1]
        valid = tf.range(asked)[None, :] < most
        wanted = tf.where(valid, tf.gather(examples, places, batch_dims=1), -1)
        shape = tf.stack([count, asked])
        lot = tf.random.stateless_uniform(shape, seeds[1])
        others = tf.random.stateless_uniform(shape, seeds[2], 1, max(self.vocabulary, 2), dtype=tf.int32)
        gone = tf.fill(shape, self.pad if self.mask is None else self.mask)
        if self.mask is not None:
            gone = tf.where(lot < 0.8, gone, tf.where(lot < 0.9, others, tf.maximum(wanted, 0)))
        rows = tf.repeat(tf.range(count), asked)
        where = tf.boolean_mask(tf.stack([rows, tf.reshape(places, (-1,))], axis=1), tf.reshape(valid, (-1,)))
        values = tf.boolean_mask(tf.reshape(gone, (-1,)), tf.reshape(valid, (-1,)))
        seen = tf.tensor_scatter_nd_update(examples, where, values)
        return {"tokens": tf.ensure_shape(seen, examples.shape), "places": places}, wanted

    def network(self, body: BackboneGraph) -> keras.Model:
        """Logits of an encoder (B, asked, vocabulary), of another backbone (B, 1, vocabulary)."""
        asked = max(round(SHARE * body.inputs.shape[1]), 1)
        places = keras.Input((asked,), dtype="int32", name="places")
        if body.states is None:
            x = keras.layers.Reshape((1, body.pooled.shape[-1]), name="vector")(body.pooled)
        else:
            x = GatherTokens(name="picked")([body.states, places])
            x = keras.layers.Dense(x.shape[-1], activation="gelu", name="language_hidden")(x)
            x = keras.layers.LayerNormalization(name="language_normal")(x)
        logits = keras.layers.Dense(self.vocabulary, dtype="float32", name="language")(x)
        return keras.Model({"tokens": body.inputs, "places": places}, logits)

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """A scalar, over all tokens that are asked for."""
        ops = keras.ops
        there, index = ops.cast(wanted >= 0, "float32"), ops.cast(ops.maximum(wanted, 0), "int32")
        chances = ops.log_softmax(found, axis=-1)
        if found.shape[1] == 1:
            said = tf.gather(chances[:, 0], index, batch_dims=1)
        else:
            said = tf.gather(chances, index, batch_dims=2)
        return -ops.sum(there * said) / ops.maximum(ops.sum(there), 1.0)


@keras.saving.register_keras_serializable(package="kzoo", name="Pick")
class GatherTokens(keras.layers.Layer):
    """The states (B, K, C) of (B, T, C) at places (B, K)."""

    def call(self, inputs: Tensor) -> Tensor:
        """See the class."""
        states, places = inputs
        return keras.ops.take_along_axis(states, places[..., None], axis=1)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(B, K, C)."""
        return (*input_shape[1], input_shape[0][-1])
