"""Explanations of arrays of numbers: what each number adds to a logit, by gradient times input (arXiv:1312.6034)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from kzoo.core import figures
from kzoo.core.tensors import Tensor
from kzoo.results.explanation.grad_cam import GRADIENT_TIMES_INPUT
from kzoo.results.explanation.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class ArrayExplanation:
    """Which numbers of an array speak for an output; of a modality that says nothing else.

    Args:
        name: of the input.
        label: the output that is explained.
        output: its probability, or its value.
        contributions: float32, of the shape of the network's input: above 0 for the output, below 0 against it.
        method: how they were computed.
    """

    name: str
    label: str
    output: float
    contributions: np.ndarray
    method: str = GRADIENT_TIMES_INPUT
    error: str | None = None

    @property
    def strongest(self) -> str:
        """The place whose number adds or takes most, with how much."""
        place = np.unravel_index(np.argmax(np.abs(self.contributions)), self.contributions.shape)
        return f"{', '.join(map(str, place))}: {self.contributions[place]:+.2f}"

    def thumbnail(self) -> None:
        """An array has none."""

    def plot(self) -> Figure:
        """The contributions, as a matplotlib figure of bars (extra ``viz``)."""
        return draw_arrays([self])

    def __str__(self) -> str:
        return f"{self.name}: {self.label} {self.output:.3f}, {self.method}, most {self.strongest}"

    __repr__ = __str__


@figures.styled
def draw_arrays(explanations: Sequence[ArrayExplanation]) -> Figure:
    """The contributions of each array's numbers, in their order, as bars."""
    figure, axes = figures.panels(len(explanations), width=4.2, height=2.6, across=2)
    for axis in axes[len(explanations) :]:
        axis.axis("off")
    for axis, each in zip(axes, explanations, strict=False):
        flat = each.contributions.ravel()
        axis.bar(range(len(flat)), flat, color=np.where(flat > 0, figures.ORANGE, figures.BLUE).tolist())
        axis.set(
            title=f"{each.name[:44]}\n{each.label} {each.output:.3g}", xlabel="number", ylabel="added to the logit"
        )
    return figure


def explain_arrays(subject: Subject) -> Callable[[np.ndarray, np.ndarray, Sequence[str]], list[ArrayExplanation]]:
    """From values of a column, the same as the network takes them, and names to explanations."""
    network = keras.Model(subject.inputs, subject.logits)

    def explain(values: np.ndarray, examples: np.ndarray, names: Sequence[str]) -> list[ArrayExplanation]:
        x = tf.constant(examples)
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = network(x, training=False)
            chosen = subject.choose(logits)
            scores = tf.gather(logits, chosen, batch_dims=1)
        slopes: Tensor = tape.gradient(scores, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        added = (x * slopes).numpy()
        answers = zip(names, subject.answers(logits, chosen), added, strict=True)
        return [ArrayExplanation(name, label, output, row) for name, (label, output), row in answers]

    return explain
