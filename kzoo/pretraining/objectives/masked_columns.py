"""Masked columns: which values of a row come from other rows, and what they were (VIME, Yoon et al., NeurIPS 2020)."""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective
from kzoo.pretraining.objectives.scarf import corrupt

SHARE = 0.3
"""Of the values of a row, that come from other rows."""

HIDDEN = 128
"""Units of the layer between the backbone and the guesses."""


class MaskedColumns(Objective):
    """The error of the hidden values, and of the guess which ones are hidden, in nats.

    Hidden values are replaced by those of other rows of the batch, since a row has no mark for what is hidden. A number
    costs half of its squared error, a category its cross-entropy.
    """

    name = "masked_columns"
    paper = "https://proceedings.neurips.cc/paper/2020/hash/7d97667a3e056acab9aaf653807b4a03-Abstract.html"
    modalities: ClassVar[tuple[str, ...]] = ("row",)
    augmentation = "none"

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Rows with some values of others, (B, F); what they were, and beside it what is hidden, (B, 2F)."""
        rows, hidden = corrupt(examples, seed, share=SHARE)
        return rows, tf.concat([examples, tf.cast(hidden, tf.float32)], axis=1)

    def network(self, body: BackboneGraph) -> keras.Model:
        """A guess of each number, logits of each category, and a logit of each value for being hidden."""
        columns = body.inputs.shape[-1]
        numbers = columns - len(self.categories)
        x = keras.layers.Dense(HIDDEN, activation="relu", name="guess_hidden")(body.pooled)
        guesses = keras.layers.Dense(numbers + sum(self.categories) + columns, dtype="float32", name="guesses")(x)
        return keras.Model(body.inputs, guesses)

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(B,), the mean over hidden values and that over the guesses which ones are."""
        ops = keras.ops
        columns = wanted.shape[-1] // 2
        numbers = columns - len(self.categories)
        values, hidden = wanted[:, :columns], wanted[:, columns:]
        costs = [(values[:, :numbers] - found[:, :numbers]) ** 2 / 2]
        place = numbers
        for column, size in enumerate(self.categories, start=numbers):
            truth = ops.cast(values[:, column], "int32")
            logits = found[:, place : place + size]
            costs.append(ops.sparse_categorical_crossentropy(truth, logits, from_logits=True)[:, None])
            place += size
        guessed = ops.binary_crossentropy(hidden, found[:, place:], from_logits=True)
        missed = ops.sum(hidden * ops.concatenate(costs, axis=1), axis=1) / ops.maximum(ops.sum(hidden, axis=1), 1.0)
        return missed + ops.mean(guessed, axis=1)
