"""The weights that the adapter of a phase changes, found in the layers of its groups."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import keras

from kzoo.core.graph.walking import within
from kzoo.specs.adapters import BIAS, KERNEL, NORM, OTHER, WeightForm
from kzoo.specs.phases import AnyPhase
from kzoo.training.adapters.merged_differences import Axes
from kzoo.training.freezing import Groups, set_trainable

NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)


@dataclass(frozen=True)
class AdaptedWeight:
    """A weight to which a phase adds a difference.

    Args:
        variable: the weight, which is frozen itself.
        group: of its layer.
        role: as of `kzoo.specs.adapters.WeightForm`.
        axes: those of its rows and those of its columns, as a matrix from inputs to outputs.
        rank: of the difference, in [1, inf).
        serial: the difference is the weight's matrix times what is learned.
    """

    variable: keras.Variable
    group: str
    role: str
    axes: Axes
    rank: int
    serial: bool = False

    @property
    def factor_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of two factors, (rows, rank) and (rank, columns); or that of their product, where they hold no less.

        Of a serial adapter the rows are the columns of the weight.
        """
        rows, columns = _sizes(self.variable, self.axes)
        rows = columns if self.serial else rows
        whole = (columns, columns) if self.serial else tuple(self.variable.shape)
        return ((rows, self.rank), (self.rank, columns)) if self.rank * (rows + columns) < rows * columns else (whole,)

    @property
    def parameters(self) -> int:
        """Numbers that train."""
        return sum(map(math.prod, self.factor_shapes))


def set_phase(phase: AnyPhase, groups: Groups) -> list[AdaptedWeight]:
    """Sets the flags of layers for a phase, and freezes the weights that its adapter changes or leaves alone.

    With an adapter all weights below the head are frozen one by one, but for a BatchNorm that trains
    (``batch_norm=True``). The next phase's flags undo that. The model has to be compiled after this.

    Returns:
        The weights that the adapter changes; none without an adapter.

    Raises:
        ValueError: the phase trains the head alone, or its groups have no weight that the adapter changes.
    """
    trained = phase.groups(list(groups))
    if phase.adapter is None:
        set_trainable(groups, trained, batch_norm=phase.batch_norm)
        return []
    head = list(groups)[-1]
    below = [name for name in trained if name != head]
    if not below:
        raise ValueError(
            f"adapter={phase.adapter!r} adapts groups below the head, and trains the head in full. This phase trains "
            f"the head alone. Name other groups too, as in train='*', or omit adapter. The groups are: "
            f"{', '.join(groups)}."
        )
    # With BatchNorm on, to see which weights can train at all.
    set_trainable(groups, trained, batch_norm=True)
    owned = [(name, *each) for name in below for each in _owned(groups[name])]
    set_trainable(groups, trained, batch_norm=phase.batch_norm)
    found = []
    for group, variable, layer in owned:
        if phase.batch_norm and isinstance(layer, keras.layers.BatchNormalization):
            continue
        variable.trainable = False
        axes = _axes(variable, layer)
        form = WeightForm(_role(variable, layer), *_sizes(variable, axes), _is_depthwise(variable, layer))
        if rank := phase.adapter.rank_of(form):
            found.append(AdaptedWeight(variable, group, form.role, axes, rank, phase.adapter.serial))
    if not found:
        there = dict.fromkeys(f"{type(layer).__name__} ({variable.name})" for _, variable, layer in owned)
        raise ValueError(
            f"adapter={phase.adapter!r} changes {phase.adapter.takes}, and {', '.join(below)} have none. Their weights "
            f"are: {', '.join(there) or 'none'}. Name other groups, or omit adapter."
        )
    return found


def count_trained(model: keras.Model, weights: Sequence[AdaptedWeight]) -> dict[str, int]:
    """Numbers that train, by role of the weight that is adapted; ``"head"``: those that train by themselves.

    Args:
        model: with the flags of `set_phase`.
        weights: what that returned.
    """
    counts: dict[str, int] = {}
    for weight in weights:
        counts[weight.role] = counts.get(weight.role, 0) + weight.parameters
    own = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return counts | {"head": own}


def _owned(operations: Collection[keras.Operation]) -> Iterator[tuple[keras.Variable, keras.Layer]]:
    """The trainable weights of layers, each with the innermost layer that has it."""
    layers = [layer for operation in operations for layer in within(operation) if isinstance(layer, keras.Layer)]
    # A layer comes before those inside of it: the last one to claim a variable is its own.
    owners = {id(variable): (variable, layer) for layer in layers for variable in layer.trainable_variables}
    return iter(owners.values())


def _role(variable: keras.Variable, layer: keras.Layer) -> str:
    if isinstance(layer, NORMS) or "norm" in type(layer).__name__.lower():
        return NORM
    if "bias" in variable.name:
        return BIAS
    return KERNEL if "kernel" in variable.name and len(variable.shape) > 1 else OTHER


def _is_depthwise(variable: keras.Variable, layer: keras.Layer) -> bool:
    return "depthwise" in type(layer).__name__.lower() or "depthwise" in variable.name


def _axes(variable: keras.Variable, layer: keras.Layer) -> Axes:
    """The axes of a weight that run over inputs, and those that run over outputs."""
    every = tuple(range(len(variable.shape)))
    if isinstance(layer, keras.layers.EinsumDense) and "kernel" in variable.name:
        names, outputs = layer.equation.replace(" ", "").replace("...", "").split(",")[1].split("->")
        columns = tuple(axis for axis in every if names[axis] in outputs)
    elif _is_depthwise(variable, layer):
        # (h, w, channels, multiplier): each channel has filters of its own.
        columns = every[-2:]
    else:
        columns = every[-1:]
    return tuple(axis for axis in every if axis not in columns), columns


def _sizes(variable: keras.Variable, axes: Axes) -> tuple[int, int]:
    """Rows and columns; 1 of an axis that is not there."""
    rows, columns = (math.prod(variable.shape[axis] for axis in each) for each in axes)
    return rows, columns
