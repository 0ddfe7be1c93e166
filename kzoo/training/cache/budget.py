"""Where the activations of a phase are cached (memory, disk or nowhere), and for how many views."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kzoo.specs.phases import AnyPhase

LEAST_EXAMPLES = 200
"""Least number of training examples for bfloat16: compiling for it takes about a second."""


@dataclass(frozen=True)
class CachePlan:
    """Where and how the activations of a phase are cached.

    Args:
        place: ``"memory"``, ``"disk"`` or ``"nowhere"`` (examples go through the whole model in each epoch).
        views: number of views of each example.
        dtype: of the training activations: ``"float32"``, or ``"float16"`` to make them fit or where nothing is lost.
        precision: of computing the training activations: ``"float32"`` or ``"bfloat16"``. With bfloat16, validation
            activations are still computed and stored as float32, because they judge the model that is served.
    """

    place: str
    views: int
    dtype: str = "float32"
    precision: str = "float32"

    @property
    def validation_dtype(self) -> str:
        """Dtype of the validation activations."""
        return "float32" if self.precision == "bfloat16" else self.dtype

    def bytes(self, *, size: int, train: int, validation: int) -> int:
        """Size of the activations in bytes.

        Args:
            size: number of activations of one example.
            train: number of training examples.
            validation: number of validation examples.
        """
        of = {"float32": 4, "float16": 2}
        return size * (self.views * train * of[self.dtype] + validation * of[self.validation_dtype])


@dataclass(frozen=True)
class CacheLimits:
    """The room for activations.

    Args:
        memory: in bytes.
        disk: in bytes; 0 if the disk cache cannot be used.
        half: whether float16 is allowed; False if an activation exceeds its range.
        bfloat16: whether training activations may be computed in bfloat16: only on processors with units for it.
    """

    memory: int
    disk: int
    half: bool = True
    bfloat16: bool = False


@dataclass(frozen=True)
class CacheRequest:
    """A request for the activations of one view at one cut.

    Args:
        group: the cut is below this group.
        split: ``"train"`` or ``"validation"``.
        augmentation: its name.
        number: index of the view.
        dtype: for storage.
        place: ``"memory"`` or ``"disk"``.
        precision: for computing.
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
        """What identifies the inputs: split, augmentation and index of the view."""
        return self.split, self.augmentation, self.number


def plan_cache(phase: AnyPhase, *, size: int, train: int, validation: int, limits: CacheLimits) -> CachePlan:
    """Where to cache the activations of a phase: for all its views, for as many as fit, or not at all.

    The order of preference is: memory as float32, memory as float16, disk. A probe needs its features in memory.
    Without a cache every view is computed when its epoch comes, so any number of views is possible. Activations
    computed in bfloat16 (8 bits of precision) are stored as float16 (11 bits).

    Args:
        phase: the phase.
        size: number of activations of one example; 0 if nothing is frozen.
        train: number of training examples.
        validation: number of validation examples.
        limits: the available room.
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
            if found.bytes(size=size, train=train, validation=validation) <= getattr(limits, place):
                return found
    return CachePlan("nowhere", phase.most_views)


def requests(phase: AnyPhase, group: str, cache_plan: CachePlan) -> list[CacheRequest]:
    """Requests for all activations that a phase needs at the cut below its lowest group."""
    if cache_plan.place == "nowhere":
        return []
    return [
        *(
            CacheRequest(
                group, "train", phase.augmentation, number, cache_plan.dtype, cache_plan.place, cache_plan.precision
            )
            for number in range(cache_plan.views)
        ),
        CacheRequest(group, "validation", "none", 0, cache_plan.validation_dtype, cache_plan.place),
    ]


def narrow(array: np.ndarray, dtype: str) -> np.ndarray:
    """Activations in the dtype for storage.

    Raises:
        OverflowError: a finite value exceeds the range of float16.
    """
    if dtype == "float32" or array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    if np.isinf(small).any() and not np.isinf(array).any():
        raise OverflowError("Activations are too large for float16.")
    return small


def memory_budget() -> int:
    """Bytes of memory for activations: half of what is free now, on this machine and in this container.

    2 GB if the operating system does not report free memory.
    """
    free = []
    with contextlib.suppress(OSError, StopIteration, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free.append(limit - used)
    return max(min(free, default=4 << 30), 0) // 2
