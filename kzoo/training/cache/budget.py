"""Where the activations of a phase are kept (memory, disk, nowhere), and how many views of each example."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kzoo.specs.phases import AnyPhase

LEAST_EXAMPLES = 200
"""Training examples from which bfloat16 is worth the second that it takes to ask for it."""


@dataclass(frozen=True)
class CachePlan:
    """How the activations of a phase are held.

    Args:
        place: ``"memory"``, ``"disk"``, or ``"nowhere"``: examples then go through the whole model in each epoch.
        views: how many views of each example.
        dtype: of the training split's: ``"float32"``, or ``"float16"`` where that makes them fit, or loses nothing.
        precision: in which the training split's are computed: ``"float32"`` or ``"bfloat16"``. Validation's are exact,
            and held as float32 then: it judges what is served.
    """

    place: str
    views: int
    dtype: str = "float32"
    precision: str = "float32"

    @property
    def held_dtype(self) -> str:
        """As `dtype`, of the validation split's."""
        return "float32" if self.precision == "bfloat16" else self.dtype

    def bytes(self, *, size: int, train: int, held: int) -> int:
        """The room that they take.

        Args:
            size: activations for one example.
            train: examples of the training split.
            held: examples of the validation split.
        """
        of = {"float32": 4, "float16": 2}
        return size * (self.views * train * of[self.dtype] + held * of[self.held_dtype])


@dataclass(frozen=True)
class CacheLimits:
    """The room for activations.

    Args:
        memory: bytes.
        disk: bytes; 0 where the store cannot be used.
        half: whether they may be held in float16: not where one is beyond its range.
        bfloat16: whether the training split's may be computed in bfloat16: where the processor has units for it.
    """

    memory: int
    disk: int
    half: bool = True
    bfloat16: bool = False


@dataclass(frozen=True)
class CacheRequest:
    """Activations that are wanted.

    Args:
        group: at the cut below this group.
        split: ``"train"`` or ``"held"``.
        augmentation: name.
        number: of the view.
        dtype: in which they are held.
        place: ``"memory"`` or ``"disk"``.
        precision: in which they are computed.
    """

    group: str
    split: str
    augmentation: str
    number: int
    dtype: str
    place: str
    precision: str = "float32"

    @property
    def view(self) -> tuple[str, str, int]:
        """The images that they are computed from."""
        return self.split, self.augmentation, self.number


def hold(phase: AnyPhase, *, size: int, train: int, held: int, limits: CacheLimits) -> CachePlan:
    """How the activations of a phase are held: of all its views, of as many as there is room for, or not at all.

    In memory as float32, else as float16, else on the disk. What a probe is solved on has to be in memory. Where
    nothing is held, a view is made when its epoch comes, so there is room for all. What is computed in bfloat16, which
    keeps 8 bits, is held as float16, which keeps 11.

    Args:
        phase: the phase.
        size: activations for one example; 0 where the phase trains from the input on, and nothing is frozen.
        train: examples of the training split.
        held: examples of the validation split.
        limits: what there is.
    """
    small, precision = "float16" if limits.half else "float32", "float32"
    first = "float32"
    if limits.bfloat16 and train >= LEAST_EXAMPLES:
        first, precision = small, "bfloat16"
    if not phase.takes_steps:
        return CachePlan("memory", phase.most_views, first, precision)
    for views in range(phase.most_views if size else 0, 0, -1):
        for place, dtype in (("memory", first), ("memory", small), ("disk", small)):
            found = CachePlan(place, views, dtype, precision)
            if found.bytes(size=size, train=train, held=held) <= getattr(limits, place):
                return found
    return CachePlan("nowhere", phase.most_views)


def requests(phase: AnyPhase, group: str, holding: CachePlan) -> list[CacheRequest]:
    """All activations that a phase needs at the cut below its lowest group."""
    if holding.place == "nowhere":
        return []
    return [
        *(
            CacheRequest(group, "train", phase.augmentation, number, holding.dtype, holding.place, holding.precision)
            for number in range(holding.views)
        ),
        CacheRequest(group, "held", "none", 0, holding.held_dtype, holding.place),
    ]


def narrow(array: np.ndarray, dtype: str) -> np.ndarray:
    """Activations as they are held.

    Raises:
        OverflowError: a finite number is beyond float16.
    """
    if dtype == "float32" or array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    if np.isinf(small).any() and not np.isinf(array).any():
        raise OverflowError("Activations are too large for float16.")
    return small


def memory_budget() -> int:
    """Bytes of activations to hold in memory: half of what is free now, for this machine and this container.

    2 GB where the system does not tell.
    """
    free = []
    with contextlib.suppress(OSError, StopIteration, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free.append(limit - used)
    return max(min(free, default=4 << 30), 0) // 2
