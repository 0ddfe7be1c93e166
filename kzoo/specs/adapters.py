"""Adapters: fine-tuning in which a phase learns a small or restrained difference to the weights that it starts from.

A phase with an adapter trains the head in full, as any phase does. To the weights of its other groups it adds
differences, and trains these. At its end they are added to the weights for good: the model has the same layers as
before, and nothing that comes after knows of an adapter.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar, Protocol

from kzoo.specs.checked_json import Fields, anything, checked
from kzoo.specs.checked_json import record as mapping

KERNEL, BIAS, NORM, OTHER = "kernels", "biases", "normalization", "others"
"""Roles of weights."""


@dataclass(frozen=True)
class WeightForm:
    """A weight as an adapter sees it.

    Args:
        role: `KERNEL` (of dense, convolution and attention layers, and of others with a weight of that name), `BIAS`,
            `NORM` (scale and shift of a normalization layer) or `OTHER` (embeddings, tokens, positions).
        rows: of the matrix that maps inputs to outputs; of a vector 1.
        columns: of that matrix.
        depthwise: it is the kernel of a depthwise convolution, in which each output has one input.
    """

    role: str
    rows: int
    columns: int
    depthwise: bool = False

    @property
    def full_rank(self) -> int:
        """The rank of any matrix of this form, at most."""
        return min(self.rows, self.columns)


class Adapter(Protocol):
    """What a phase takes as its adapter: a row of `ADAPTERS`."""

    takes: ClassVar[str]
    """What it changes, for messages."""

    serial: ClassVar[bool]
    """Whether the difference to a matrix is the matrix itself, times what is learned."""

    @property
    def label(self) -> str:
        """Name and value, for tables."""
        ...

    @property
    def penalty(self) -> float:
        """Factor of half the sum of squared differences, in the loss; in [0, inf)."""
        ...

    def rank_of(self, weight: WeightForm) -> int:
        """The rank of the difference to a weight; 0: the weight is frozen."""
        ...


@dataclass(frozen=True)
class LoRA:
    """Low-rank adaptation (arXiv:2106.09685): each kernel changes by a product of two thin matrices.

    It takes the kernels of Dense, EinsumDense, Conv (of any size), DepthwiseConv and SeparableConv layers, also inside
    attention and other composite layers. A kernel is a matrix from its inputs to its outputs: of a convolution
    (h * w * channels, filters), of a depthwise one (h * w, channels). Where two factors would hold no fewer numbers
    than the kernel itself, the difference has full rank. Biases, normalization and embeddings stay frozen. One factor
    starts at random and the other at 0, so training starts at the weights as they are.

    Rates that suit it are higher than those of full tuning, as a rule.

    Args:
        rank: of the difference, in [1, inf).

    Example:
        >>> LoRA(rank=4).label
        'LoRA rank 4'
        >>> LoRA(rank=0)
        Traceback (most recent call last):
        ...
        ValueError: rank of LoRA must be an int in [1, inf). Got 0.
    """

    rank: int = 8

    takes: ClassVar[str] = "kernels of dense, convolution and attention layers"
    serial: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", _whole(self.rank, "rank of LoRA"))

    @property
    def label(self) -> str:
        """Name and rank."""
        return f"LoRA rank {self.rank}"

    @property
    def penalty(self) -> float:
        """None."""
        return 0.0

    def rank_of(self, weight: WeightForm) -> int:
        """`rank` of a kernel; 0 of anything else."""
        return min(self.rank, weight.full_rank) if weight.role == KERNEL else 0

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return {"name": "LoRA", **dataclasses.asdict(self)}


@dataclass(frozen=True)
class SerialAdapter:
    """Serial residual adapters (arXiv:1705.08045, section 3.2): a thin layer behind each kernel, beside the identity.

    What a kernel gives, ``x W``, becomes ``x W + (x W) A`` before its bias: outputs of the layer are mixed, the same at
    all places. ``A`` is a product of two thin matrices, (outputs, rank) and (rank, outputs), or has full rank where
    they would hold no fewer numbers. It starts at 0. Nothing is between ``W`` and ``A`` that is not linear, so that
    both are one kernel, ``W + W A``, at the end of the phase.

    It takes the kernels of Dense, EinsumDense, Conv (of any size) and SeparableConv layers, also inside attention and
    other composite layers. Depthwise convolutions mix nothing, and stay frozen, as biases, normalization and embeddings
    do. Of a convolution of 3 x 3 it trains about a fifth of what `LoRA` of the same rank does.

    Args:
        rank: of ``A``, in [1, inf).

    Example:
        >>> SerialAdapter(rank=4).label
        'serial adapters rank 4'
    """

    rank: int = 8

    takes: ClassVar[str] = "kernels of dense, convolution and attention layers, but for depthwise ones"
    serial: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", _whole(self.rank, "rank of SerialAdapter"))

    @property
    def label(self) -> str:
        """Name and rank."""
        return f"serial adapters rank {self.rank}"

    @property
    def penalty(self) -> float:
        """None."""
        return 0.0

    def rank_of(self, weight: WeightForm) -> int:
        """`rank` of a kernel that mixes its inputs; 0 of anything else."""
        return min(self.rank, weight.columns) if weight.role == KERNEL and not weight.depthwise else 0

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return {"name": "SerialAdapter", **dataclasses.asdict(self)}


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an int in [1, inf). Got {value!r}.")
    return int(value)


@dataclass(frozen=True)
class BitFit:
    """Biases and normalization alone (BitFit, arXiv:2106.10199; of BatchNorm, arXiv:2003.00152).

    It trains the biases of all layers, and scale and shift of all normalization layers; kernels and embeddings stay
    frozen. A layer without a bias has nothing to train: it changes only through the normalization after it, as in most
    convolution networks. Moving statistics of BatchNorm stay frozen unless the phase says ``batch_norm=True``; its
    scale and shift train in any case.

    Example:
        >>> BitFit().label
        'BitFit'
    """

    takes: ClassVar[str] = "biases, and scale and shift of normalization layers"
    serial: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Its name."""
        return "BitFit"

    @property
    def penalty(self) -> float:
        """None."""
        return 0.0

    def rank_of(self, weight: WeightForm) -> int:
        """Full of a bias or of normalization; 0 of anything else."""
        return weight.full_rank if weight.role in (BIAS, NORM) else 0

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return {"name": "BitFit"}


@dataclass(frozen=True)
class L2SP:
    """All weights, with a penalty on their distance from where the phase starts (L2-SP, arXiv:1802.01483).

    The loss has ``strength / 2 * sum((weight - start) ** 2)`` beside it, over all weights of the groups below the head.
    The start is that of the phase: the pretrained weights, unless an earlier phase changed them. The head has no
    penalty but the weight decay of the phase. Scale and shift of BatchNorm are among the weights; its moving statistics
    stay frozen unless the phase says ``batch_norm=True``.

    Args:
        strength: of the penalty, in (0, inf).

    Example:
        >>> L2SP(0.01).label
        'L2-SP 0.01'
    """

    strength: float = 0.01

    takes: ClassVar[str] = "weights"
    serial: ClassVar[bool] = False

    def __post_init__(self) -> None:
        sound = isinstance(self.strength, Real) and not isinstance(self.strength, bool)
        if not sound or not 0 < self.strength < math.inf:
            raise ValueError(f"strength of L2SP must be a float in (0, inf). Got {self.strength!r}.")
        object.__setattr__(self, "strength", float(self.strength))

    @property
    def label(self) -> str:
        """Name and strength."""
        return f"L2-SP {self.strength:g}"

    @property
    def penalty(self) -> float:
        """The strength."""
        return self.strength

    def rank_of(self, weight: WeightForm) -> int:
        """Full of every weight."""
        return weight.full_rank

    def as_plain(self) -> Fields:
        """Plain values, for JSON."""
        return {"name": "L2SP", **dataclasses.asdict(self)}


ADAPTERS: dict[str, type[LoRA] | type[SerialAdapter] | type[BitFit] | type[L2SP]] = {
    each.__name__: each for each in (LoRA, SerialAdapter, BitFit, L2SP)
}
"""Adapters by name: of a class, and in records."""


def restore_adapter(values: object, name: str) -> Adapter:
    """Reads plain values of ``as_plain``; raises ValueError for others."""
    values = dict(mapping(values, name))
    found = str(values.pop("name", None))
    if found not in ADAPTERS:
        raise ValueError(f"{name}.name must be one of {', '.join(ADAPTERS)}. Got {found[:100]!r}.")
    fields = [each.name for each in dataclasses.fields(ADAPTERS[found])]
    return ADAPTERS[found](**checked(values, dict.fromkeys(fields, anything), name=name, needed=fields))
