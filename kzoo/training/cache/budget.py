"""Where the activations of a phase are kept (memory, disk, nowhere), and how many views of each example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kzoo.specs.schedule import Phase


@dataclass(frozen=True)
class CachePlan:
    """How the activations of a phase are held.

    Args:
        place: ``"memory"``, ``"disk"``, or ``"nowhere"``: examples then go through the whole model in each epoch.
        views: how many views of each example.
        dtype: ``"float32"``, or ``"float16"`` where that makes them fit.
    """

    place: str
    views: int
    dtype: str = "float32"


@dataclass(frozen=True)
class CacheLimits:
    """What activations may take.

    Args:
        memory: bytes.
        disk: bytes; 0 where the store cannot be used.
        half: whether they may be held in float16: not where one is beyond its range.
    """

    memory: int
    disk: int
    half: bool = True


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
    """

    group: str
    split: str
    augmentation: str
    number: int
    dtype: str
    place: str

    @property
    def view(self) -> tuple[str, str, int]:
        """The images that they are computed from."""
        return self.split, self.augmentation, self.number


def hold(phase: Phase, *, size: int, train: int, held: int, limits: CacheLimits) -> CachePlan:
    """How the activations of a phase are held: of all its views, of as many as there is room for, or not at all.

    In memory as float32, else as float16, else on the disk. What a probe is solved on has to be in memory. Where
    nothing is held, a view is made when its epoch comes, so there is room for all.

    Args:
        phase: the phase.
        size: activations for one example; 0 where the phase trains from the input on, and nothing is frozen.
        train: examples of the training split.
        held: examples of the validation split.
        limits: what there is.
    """
    if phase.optimizer == "lbfgs":
        return CachePlan("memory", 1)
    for views in range(views_of(phase) if size else 0, 0, -1):
        count = size * (views * train + held)
        if 4 * count <= limits.memory:
            return CachePlan("memory", views)
        if limits.half and 2 * count <= limits.memory:
            return CachePlan("memory", views, "float16")
        if (2 if limits.half else 4) * count <= limits.disk:
            return CachePlan("disk", views, "float16" if limits.half else "float32")
    return CachePlan("nowhere", views_of(phase))


def requests(phase: Phase, group: str, holding: CachePlan) -> list[CacheRequest]:
    """All activations that a phase needs at the cut below its lowest group."""
    if holding.place == "nowhere":
        return []
    return [
        *(
            CacheRequest(group, "train", phase.augmentation, number, holding.dtype, holding.place)
            for number in range(holding.views)
        ),
        CacheRequest(group, "held", "none", 0, holding.dtype, holding.place),
    ]


def views_of(phase: Phase) -> int:
    """How many views of each example a phase goes through, where there is room: one an epoch, unless it has a bound."""
    if phase.augmentation == "none":
        return 1
    return phase.epochs if phase.views is None else min(phase.views, phase.epochs)


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
