"""The network that is pretrained: a backbone, and on it what its objective asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from kzoo.data.seams import Preprocessor
from kzoo.models.backbone_source import BackboneSource
from kzoo.models.heads import pool
from kzoo.models.zoo.text import find_states
from kzoo.pretraining.objectives.objective import BackboneGraph
from kzoo.pretraining.precision import policy
from kzoo.pretraining.preparation import PreparedPretraining
from kzoo.pretraining.steps import trained
from kzoo.training.freezing import batch_norms, set_trainable


@dataclass(frozen=True)
class Learner:
    """A backbone in the network that trains it.

    Args:
        backbone: from scaled examples to features.
        model: compiled, from questions to answers.
        norms: BatchNorm layers that replicas share the statistics of while it trains.
    """

    backbone: keras.Model
    model: keras.Model
    norms: Sequence[keras.layers.BatchNormalization]

    def finished(self, source: BackboneSource, *, shape: Sequence[int]) -> keras.Model:
        """The backbone as it is kept: in full precision, and for one device.

        Args:
            source: builds another one.
            shape: of its input.
        """
        for each in self.norms:
            each.synchronized = False
        backbone = self.backbone
        if all(each.dtype_policy.name == "float32" for each in (backbone, *backbone.layers)):
            return backbone
        # The same weights, in a network that computes with all of them.
        plain = source.build(shape)
        plain.set_weights(backbone.get_weights())
        return plain


def build_learner(prepared: PreparedPretraining) -> Learner:
    """The network of a run, with its start weights, under its strategy and in its precision."""
    with prepared.strategy.scope(), policy(prepared.precision):
        backbone = prepared.source.build(prepared.preprocessor.shape)
        set_trainable({"all": backbone.layers}, ("all",), batch_norm=True)
        model = prepared.objective.network(_body(backbone, prepared.preprocessor))
        norms = [each for each in batch_norms(model.layers) if not each.synchronized]
        for each in norms if prepared.strategy.num_replicas_in_sync > 1 else ():
            each.synchronized = True
        # XLA is slower than the plain graph on CPU, and breaks under MirroredStrategy (Keras 3.15).
        model.compile(prepared.course.optimizer(), prepared.objective.loss, jit_compile=False)
        model.optimizer.build(trained(model))
    return Learner(backbone, model, norms)


def _body(backbone: keras.Model, preprocessor: Preprocessor) -> BackboneGraph:
    fitted = preprocessor.fitted
    if fitted.dtype == tf.int32:  # token ids, which nothing scales
        return BackboneGraph(
            backbone.input, backbone.output, pool(backbone.output, "avg", name="pooled"), find_states(backbone)
        )
    inputs = keras.Input(fitted.shape, name="examples", dtype=fitted.dtype.name)
    states = find_states(backbone)
    if states is not None:
        features, states = keras.Model(backbone.input, [backbone.output, states])(preprocessor.scale(inputs))
    else:
        features = backbone(preprocessor.scale(inputs))
    pooled = pool(features, "avg", name="pooled")
    if getattr(preprocessor, "edge", None) and len(features.shape) == 4:
        # An image of a spectrogram shows time from left to right, and low notes at the bottom.
        features = keras.ops.transpose(keras.ops.flip(features, axis=1), (0, 2, 1, 3))
    return BackboneGraph(inputs, features, pooled, states)
