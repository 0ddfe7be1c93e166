"""Differences that were added to weights: computed so that they are the same, bit for bit, on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Axes = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class MergedDifference:
    """What the adapter of a phase adds to a weight.

    Args:
        index: of the weight in the model.
        axes: those of its rows and those of its columns, as a matrix from inputs to outputs.
        serial: what is learned multiplies that matrix, and the product is added.
        factors: float32; one, of the weight's shape, or of a serial adapter (columns, columns); or two, (rows, rank)
            and (rank, columns), of a serial adapter (columns, rank) and (rank, columns), whose product is learned.
    """

    index: int
    axes: Axes
    serial: bool
    factors: tuple[np.ndarray, ...]

    def added_to(self, weight: np.ndarray) -> np.ndarray:
        """The weight with the difference, of its shape and dtype.

        Sums of float64 in a fixed order: a matrix product would depend on the processor.
        """
        exact = [factor.astype(np.float64) for factor in self.factors]
        if len(exact) == 1 and not self.serial:
            return (weight.astype(np.float64) + exact[0]).astype(weight.dtype)
        order = [axis for axes in self.axes for axis in axes]
        turned = weight.transpose(order)
        own = turned.reshape(-1, exact[-1].shape[-1]).astype(np.float64)
        change = _product(own, exact[0]) if self.serial else exact[0]
        for factor in exact[1:]:
            change = _product(change, factor)
        merged = (own + change).reshape(turned.shape).transpose(np.argsort(order))
        return np.ascontiguousarray(merged.astype(weight.dtype))


def present_differences(differences: Sequence[MergedDifference]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Plain values and arrays by name, which `restore_differences` reads."""
    values = [{"index": each.index, "axes": each.axes, "serial": each.serial} for each in differences]
    arrays = {
        f"difference{number}_{place}": factor
        for number, each in enumerate(differences)
        for place, factor in enumerate(each.factors)
    }
    return values, arrays


def restore_differences(
    values: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]
) -> list[MergedDifference]:
    """The differences of what `present_differences` gave, also after JSON.

    Raises:
        KeyError: a value or an array is missing.
    """
    found = []
    for number, each in enumerate(values):
        names = [f"difference{number}_{place}" for place in range(2)]
        factors = tuple(arrays[name] for name in names if name in arrays)
        if not factors:
            raise KeyError(names[0])
        rows, columns = (tuple(axes) for axes in each["axes"])
        found.append(MergedDifference(each["index"], (rows, columns), each["serial"], factors))
    return found


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The matrix product, (N, K) by (K, M)."""
    total = np.zeros((len(one), other.shape[1]))
    for number in range(one.shape[1]):
        total += one[:, number, None] * other[number]
    return total
