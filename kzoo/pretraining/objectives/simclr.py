"""SimCLR: two views of an example are each other's nearest among all in the batch (arXiv:2002.05709)."""

from __future__ import annotations

import keras

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, TwoViews, project

TEMPERATURE = 0.2


class SimCLR(TwoViews):
    """The normalised, temperature-scaled cross-entropy, NT-Xent. Others in the batch are those of one replica."""

    name, paper = "simclr", "https://arxiv.org/abs/2002.05709"

    def network(self, body: BackboneGraph) -> keras.Model:
        """A projection, (2B, 128)."""
        return keras.Model(body.inputs, project(body.pooled, hidden=512, width=128))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(2B,)."""
        ops = keras.ops
        unit = found / (ops.norm(found, axis=1, keepdims=True) + 1e-12)
        near = ops.matmul(unit, ops.transpose(unit)) / TEMPERATURE
        places = ops.arange(ops.shape(found)[0])
        # The other view of 0 is 1, of 1 it is 0, of 2 it is 3.
        others = places + 1 - 2 * (places % 2)
        near = ops.where(places[:, None] == places[None, :], -1e9, near)
        return keras.losses.sparse_categorical_crossentropy(others, near, from_logits=True)
