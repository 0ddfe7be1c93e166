"""Supervised pretraining: the labels of another task (ImageNet's use, arXiv:1411.1792)."""

from __future__ import annotations

import keras

from kzoo.core.tensors import Tensor
from kzoo.pretraining.objectives.objective import BackboneGraph, Objective

SMOOTHING = 0.1


class Supervised(Objective):
    """Cross-entropy with smoothed labels (arXiv:1512.00567)."""

    name, paper, labelled = "supervised", "https://arxiv.org/abs/1411.1792", True

    def ask(self, examples: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """The examples, and their one-hot labels."""
        return examples, targets

    def network(self, body: BackboneGraph) -> keras.Model:
        """A linear layer of logits, (B, outputs)."""
        x = keras.layers.Dropout(0.2, name="drop")(body.pooled)
        return keras.Model(body.inputs, keras.layers.Dense(self.outputs, dtype="float32", name="logits")(x))

    def loss(self, wanted: Tensor, found: Tensor) -> Tensor:
        """(B,)."""
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
        return loss.call(wanted, found)
