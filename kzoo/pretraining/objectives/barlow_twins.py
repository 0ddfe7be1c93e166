"""Barlow Twins: two views agree in each feature, and no two features say the same (arXiv:2103.03230).

It is here, and BYOL is not: it needs no second network that lags behind, so a step costs one pass, and it does not need
large batches, which a CPU has not.
"""

from __future__ import annotations

import keras

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, TwoViews, project

OFF_DIAGONAL = 5e-3


class BarlowTwins(TwoViews):
    """The distance of the cross-correlation of two views' projections to the identity."""

    name, paper = "barlow_twins", "https://arxiv.org/abs/2103.03230"

    def network(self, body: BackboneGraph) -> keras.Model:
        """A projection, (2B, 512)."""
        return keras.Model(body.inputs, project(body.pooled, hidden=512, width=512))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """A scalar, divided by the number of features."""
        ops, width = keras.ops, found.shape[-1]
        pairs = ops.reshape(found, (-1, 2, width))
        pairs = (pairs - ops.mean(pairs, axis=0)) / (ops.std(pairs, axis=0) + 1e-5)
        count = ops.cast(ops.shape(pairs)[0], pairs.dtype)
        correlation = ops.matmul(ops.transpose(pairs[:, 0]), pairs[:, 1]) / count
        identity = ops.eye(width)
        same = ops.sum(identity * (correlation - 1.0) ** 2)
        different = ops.sum((1.0 - identity) * correlation**2)
        return (same + OFF_DIAGONAL * different) / width
