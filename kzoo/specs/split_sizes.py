"""Split sizes: shares or numbers of examples, and what that means for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TypeAlias, TypeGuard

import numpy as np

SplitSizes: TypeAlias = Mapping[str, float | Sequence[str]]
"""By split a share, a number of examples, 0, or the names of groups."""


def is_number(size: object) -> TypeGuard[float]:
    """Whether the size of a split is a share, a number of examples or 0, and not the names of groups."""
    return isinstance(size, Real)


def is_count(size: object) -> TypeGuard[int]:
    """Whether the size of a split is a number of examples, and not 0, a share or the names of groups."""
    return isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0


def refuse_all_held_out(sizes: SplitSizes, examples: int) -> None:
    """Raises where the numbers of examples for test and validation leave nothing to train on.

    Args:
        sizes: of the splits.
        examples: in all.

    Raises:
        ValueError: they do.
    """
    given = [float(size) for size in sizes.values() if is_number(size)]
    numbers = [size if size >= 1 else size * examples for size in given]
    if examples and any(map(is_count, sizes.values())) and sum(numbers) >= examples:
        asked = " and ".join(f"{split}={size}" for split, size in sizes.items())
        raise ValueError(
            f"{asked} leave no training examples: the data has {examples} examples. Choose smaller splits."
        )


def wanted_contents(sizes: Mapping[str, float], strata: np.ndarray, *, examples: int) -> dict[str, np.ndarray]:
    """How many contents of each stratum each split wants, int (S,): at least one of a stratum that can spare it.

    Args:
        sizes: of the splits, by name: a share, or a number of examples.
        strata: contents of each stratum, int (S,).
        examples: in all: more than contents where there are copies.
    """
    wanted = {}
    can_spare = strata > len(sizes)
    for split, size in sizes.items():
        if is_count(size) and examples:
            wanted[split] = _allot(round(size * strata.sum() / examples), strata, can_spare)
        else:
            counts = np.rint(size * strata).astype(int)
            wanted[split] = np.where((counts == 0) & can_spare, 1, counts)
    return wanted


def _allot(count: int, strata: np.ndarray, can_spare: np.ndarray) -> np.ndarray:
    """`count`, dealt to strata by their sizes (largest remainder); each that can spare one gives one, if there is room.

    Each stratum keeps one.
    """
    exact = count * strata / strata.sum()
    found = np.floor(exact).astype(int)
    if count >= can_spare.sum():
        found[(found == 0) & can_spare] = 1
    while found.sum() > count:
        found[found.argmax()] -= 1
    while found.sum() < count and (found < strata - 1).any():
        found[np.where(found < strata - 1, exact - found, -np.inf).argmax()] += 1
    return found
