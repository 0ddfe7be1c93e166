"""Inference: a model's outputs and embeddings of columns, and of whatever a user passes to `predict`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import keras
import numpy as np

from kzoo.core.graph.calling import STEADY_BATCH, compiled, forward, forward_batches, steady_batch
from kzoo.core.graph.folding import fold
from kzoo.core.graph.views import mean_over_views
from kzoo.core.tensors import Tensor
from kzoo.data.loader import Loader, batches
from kzoo.data.modalities import MODALITIES
from kzoo.data.seams import Preprocessor, views_of
from kzoo.results.inputs import InputAnswers, ask

Call: TypeAlias = Callable[..., list[Tensor]]
"""A compiled model: takes a batch of each input, and returns a list of outputs."""


def normalize(embeddings: np.ndarray) -> np.ndarray:
    """Rows of unit length, float32 (N, width); a row of zeros stays one."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)


@dataclass(frozen=True)
class Inference:
    """A model's outputs and embeddings, each compiled when it is first used.

    Args:
        network: from scaled inputs to logits (B, outputs); of views, if the preprocessor gives several of an example.
        embedding: from scaled inputs to embeddings (B, width).
        finish: from logits to probabilities, or values.
        preprocessor: raw inputs to the network's input.
    """

    network: keras.Model
    embedding: keras.Model
    finish: Callable[[Tensor], Tensor]
    preprocessor: Preprocessor

    @cached_property
    def predict(self) -> Call:
        """The compiled network, to probabilities or values."""
        # Folded in each call: someone may have changed the network's weights.
        network = mean_over_views(fold(self.network, live=True), views_of(self.preprocessor))
        # With its last layer: what a softmax gives for an example depends on how many there are (TensorFlow 2.21).
        return compiled(keras.Model(network.input, self.finish(network.output)))

    @cached_property
    def embed(self) -> Call:
        """The compiled embedding."""
        return compiled(mean_over_views(fold(self.embedding, live=True), views_of(self.preprocessor)))

    @cached_property
    def both(self) -> Call:
        """The compiled network and embedding: a row of probabilities or values, then the embedding."""
        joint = keras.Model(self.network.input, [self.network.output, self.embedding.output])
        joint = mean_over_views(fold(joint, live=True), views_of(self.preprocessor))
        logits, features = joint.output
        row = keras.layers.Concatenate(dtype="float32")([self.finish(logits), features])
        return compiled(keras.Model(joint.input, row))

    @cached_property
    def batch_size(self) -> int:
        """Examples that the network takes at once, always: the last batch is padded."""
        return steady_batch(self.network)

    @cached_property
    def loader(self) -> Loader:
        """Reads inputs as the network takes them."""
        return Loader(self.preprocessor)

    def outputs(self, column: np.ndarray) -> np.ndarray:
        """Probabilities, or values, float32 (N, outputs), of a checked column."""
        return self._run(self.predict, column)

    def embeddings(self, column: np.ndarray) -> np.ndarray:
        """Embeddings of unit length, float32 (N, width), of a checked column."""
        return normalize(self._run(self.embed, column))

    def ask_outputs(self, inputs: object, *, width: int) -> InputAnswers:
        """Probabilities, or values, of whatever a user passes; `width` is the number of outputs."""
        return self._ask(inputs, self.predict, np.asarray, width=width)

    def ask_both(self, inputs: object, *, width: int) -> tuple[InputAnswers, np.ndarray]:
        """As `ask_outputs`, and with it the embeddings of unit length, float32 (N, width of these)."""
        whole = width + self.embedding.output_shape[-1]
        asked = self._ask(inputs, self.both, np.asarray, width=whole)
        return replace(asked, rows=asked.rows[:, :width]), normalize(asked.rows[:, width:])

    def raw_embeddings(self, inputs: object) -> np.ndarray:
        """Embeddings of whatever a user passes, as an exported model returns them: not normalized."""
        return self.ask_embeddings(inputs, unit=False).rows

    def ask_embeddings(self, inputs: object, *, unit: bool = True) -> InputAnswers:
        """Embeddings of whatever a user passes, of unit length or as the network gives them."""
        finish = normalize if unit else np.asarray
        return self._ask(inputs, self.embed, finish, width=self.embedding.output_shape[-1])

    def _run(self, call: Call, column: np.ndarray) -> np.ndarray:
        scaled = batches(column, preprocessor=self.preprocessor, batch_size=STEADY_BATCH)
        return forward_batches(call, ((batch,) for batch in scaled), batch_size=self.batch_size)

    def _ask(
        self, inputs: object, call: Call, finish: Callable[[np.ndarray], np.ndarray], *, width: int
    ) -> InputAnswers:
        """Answers bit for bit those of `_run`: in batches of the same size, see `steady_batch`."""

        def answer(examples: np.ndarray) -> np.ndarray:
            return np.asarray(finish(forward(call, (examples,), batch_size=self.batch_size)))

        arrange = MODALITIES[self.preprocessor.modality].arrange
        inputs = arrange(self.preprocessor, inputs) if arrange else inputs
        return ask(self.preprocessor.modality, inputs, load=self.loader.load, answer=answer, width=width)
