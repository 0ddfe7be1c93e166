"""Differences to frozen weights: trained in their stead, and added to them at the end of a phase.

A model computes with ``weight + difference`` in place of each weight, through Keras's own stateless calls. So a
difference is the same for every kind of layer, inside composite ones and folded ones too. Keras's ``enable_lora`` is
for some kinds of layers only, leaves out depthwise convolutions and normalization, and stays in the layer (3.15).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import keras
import numpy as np

from kzoo.core.graph.calling import pack
from kzoo.core.tensors import Tensor
from kzoo.training.adapters.adapted_weights import AdaptedWeight
from kzoo.training.adapters.merged_differences import MergedDifference

Value = TypeVar("Value")


@dataclass(frozen=True)
class Difference:
    """What a phase adds to a weight.

    Args:
        weight: which.
        factors: one, of the weight's own shape; or two, float32 (rows, rank) and (rank, columns), whose product it is.
            Of a serial adapter the product, or the one factor, is (columns, columns), and multiplies the weight.
    """

    weight: AdaptedWeight
    factors: tuple[keras.Variable, ...]

    def value(self) -> Tensor:
        """The difference, of the weight's shape."""
        ops, weight = keras.ops, self.weight
        learned = ops.convert_to_tensor(self.factors[0]) if len(self.factors) == 1 else ops.matmul(*self.factors)
        if len(self.factors) == 1 and not weight.serial:
            return learned
        order = [axis for axes in weight.axes for axis in axes]
        shape = [weight.variable.shape[axis] for axis in order]
        if weight.serial:
            own = ops.transpose(ops.cast(weight.variable, learned.dtype), order)
            learned = ops.matmul(ops.reshape(own, (-1, learned.shape[0])), learned)
        return ops.transpose(ops.reshape(learned, shape), np.argsort(order).tolist())

    def applied(self) -> Tensor:
        """Weight and difference together, in the weight's dtype."""
        variable = self.weight.variable
        return keras.ops.add(variable, keras.ops.cast(self.value(), variable.dtype))


def start_differences(weights: Sequence[AdaptedWeight], *, seed: int) -> list[Difference]:
    """Differences of 0: of two factors the first is drawn, with a deviation of ``1 / sqrt(rows)``, the second is 0.

    Args:
        weights: what is adapted.
        seed: of the draw.
    """
    draw = np.random.default_rng(seed)
    found = []
    for number, weight in enumerate(weights):
        shapes = weight.factor_shapes
        values = [np.zeros(shape, np.float32) for shape in shapes]
        if len(shapes) == 2:
            values[0] = (draw.standard_normal(shapes[0]) / np.sqrt(shapes[0][0])).astype(np.float32)
        names = [f"difference{number}_{place}" for place in range(len(shapes))]
        # Paths tell variables apart in an optimizer: the numbers make them unique.
        factors = (keras.Variable(each, dtype="float32", name=name) for each, name in zip(values, names, strict=True))
        found.append(Difference(weight, tuple(factors)))
    return found


def with_differences(model: keras.Model, differences: Sequence[Difference], *, penalty: float = 0.0) -> keras.Model:
    """A model that computes with weights and differences together, and trains the differences.

    Args:
        model: functional; the weights that have differences are frozen in it.
        differences: to its weights.
        penalty: factor of half the sum of their squares, in the loss; in [0, inf).
    """
    inputs = [keras.Input(batch_shape=each.shape, dtype=each.dtype) for each in model.inputs]
    # The same layers in a model that was never compiled: its loss of another phase would hide this one's (Keras 3.15).
    inner = keras.Model(pack(model.inputs), pack(model.outputs))
    outputs = DifferenceLayer(inner, differences, penalty=penalty)(*inputs)
    return keras.Model(pack(inputs), outputs, name=model.name)


def as_their_weights(differences: Sequence[Difference], values: Mapping[str, Value]) -> dict[str, Value]:
    """What `values` hold of weights by path, for the factors of their differences, by path."""
    pairs = [(factor.path, each.weight.variable.path) for each in differences for factor in each.factors]
    return {path: values[weight] for path, weight in pairs if weight in values}


def merge(differences: Sequence[Difference], weights: Sequence[keras.Variable]) -> list[MergedDifference]:
    """Adds differences to their weights for good; returns those that hold fewer numbers than their weight.

    Args:
        differences: to some of the weights.
        weights: of the model, which give each its number.
    """
    places = {id(variable): place for place, variable in enumerate(weights)}
    found = []
    for each in differences:
        variable = each.weight.variable
        factors = tuple(keras.ops.convert_to_numpy(factor) for factor in each.factors)
        merged = MergedDifference(places[id(variable)], each.weight.axes, each.weight.serial, factors)
        variable.assign(merged.added_to(variable.numpy()))
        # Of the others, the weight itself says as much.
        if sum(factor.size for factor in factors) < math.prod(variable.shape):
            found.append(merged)
    return found


class DifferenceLayer(keras.Layer):
    """Calls a model with some weights replaced by weight and difference; see `with_differences`."""

    def __init__(self, model: keras.Model, differences: Sequence[Difference], *, penalty: float) -> None:
        # What is inside has policies of its own.
        super().__init__(dtype="float32", autocast=False)
        self.model, self.penalty = model, penalty
        # A function, not the list: Keras would look for layers and variables in it.
        self.differences = lambda: differences
        self.factors = [factor for each in differences for factor in each.factors]
        self.built = True

    def call(self, *inputs: Tensor, training: bool | None = None) -> Tensor:
        """The output of the model."""
        differences = self.differences()
        mapping = [(each.weight.variable, each.applied()) for each in differences]
        if training and self.penalty:
            self.add_loss(self.penalty / 2 * sum(keras.ops.sum(keras.ops.square(each.value())) for each in differences))
        replaced = {id(variable) for variable, _ in mapping}
        with keras.StatelessScope(mapping) as scope:
            outputs = self.model(pack(inputs), training=training)
        # What else changed in the call: moving statistics, and the states of generators of dropout.
        for variable in self.model.variables:
            value = scope.get_current_value(variable)
            if value is not None and id(variable) not in replaced:
                variable.assign(value)
        return outputs

    def compute_output_spec(self, *inputs: Tensor, training: bool | None = None) -> Tensor:
        """That of the model."""
        return pack([keras.KerasTensor(each.shape, each.dtype) for each in self.model.outputs])
