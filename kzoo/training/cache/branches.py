"""Branches of the trunk that share nothing but the model's input, such as the members of a fusion."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kzoo.core.graph.keras_internals import inputs_of, operation_of
from kzoo.core.graph.walking import operations_below
from kzoo.core.tensors import Tensor


def find_strands(tensors: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """Groups of the tensors at a cut: tensors that depend on a common layer are in the same group.

    Tensors that only a `Concatenate` joins are separated.
    """
    leaves = {id(leaf): leaf for tensor in tensors for leaf in _leaves(tensor)}
    return _grouped(list(leaves.values()))


class BranchJoin:
    """Computes the tensors at the cut from the tensors of all branches.

    Args:
        strands: the groups that `find_strands` returns.
        tensors: the tensors at the cut.
    """

    def __init__(self, strands: Sequence[Sequence[Tensor]], tensors: Sequence[Tensor]) -> None:
        leaves = [leaf for strand in strands for leaf in strand]
        self._places = {id(leaf): place for place, leaf in enumerate(leaves)}
        self._tensors = tuple(tensors)
        made = [tensor for tensor in tensors if id(tensor) not in self._places]
        self._model = keras.Model(leaves, made) if made else None

    def __call__(self, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors at the cut, of the tensors (B, ...) of the branches."""
        made = iter(keras.tree.flatten(self._model(list(values))) if self._model else ())
        return tuple(
            values[self._places[id(each)]] if id(each) in self._places else next(made) for each in self._tensors
        )


def _leaves(tensor: Tensor) -> list[Tensor]:
    if not isinstance(operation_of(tensor), keras.layers.Concatenate):
        return [tensor]
    found = [leaf for each in inputs_of(tensor) for leaf in _leaves(each)]
    return found if len(_grouped(found)) > 1 else [tensor]


def _grouped(leaves: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    groups: list[tuple[set[int], list[Tensor]]] = []
    for leaf in leaves:
        below, members = operations_below([leaf]), [leaf]
        akin = [group for group in groups if group[0] & below]
        place = groups.index(akin[0]) if akin else len(groups)
        whole = below.union(*(group[0] for group in akin)), [*(each for group in akin for each in group[1]), *members]
        groups = [group for group in groups if not any(group is each for each in akin)]
        groups.insert(place, whole)
    return [tuple(members) for _, members in groups]
