"""Targets as numbers, and why some are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EncodedTargets:
    """Targets as numbers.

    Args:
        targets: int64 (N,) where classes are exclusive, else float32 (N, outputs); 0 where a reason stands.
        reasons: why some cannot be used, by index.
    """

    targets: np.ndarray
    reasons: dict[int, str]


def encode_rows(
    targets: Sequence[object], outputs: int, read: Callable[[object], Sequence[float] | np.ndarray | str]
) -> EncodedTargets:
    """A row of numbers for each target.

    Args:
        targets: as they came.
        outputs: numbers in a row.
        read: from a target to its numbers, (outputs,), or the reason why it has none.

    Example:
        >>> encode_rows([3, None], 1, lambda target: "no target" if target is None else [target])
        EncodedTargets(targets=array([[3.],
               [0.]], dtype=float32), reasons={1: 'no target'})
    """
    encoded, reasons = np.zeros((len(targets), outputs), np.float32), {}
    for row, target in enumerate(targets):
        found = read(target)
        if isinstance(found, str):
            reasons[row] = found
        else:
            encoded[row] = found
    return EncodedTargets(encoded, reasons)
