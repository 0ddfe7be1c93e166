"""Rows as numbers alone, for models of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PlainTable:
    """Rows as models of scikit-learn take them.

    Args:
        cells: float64 (N, C): numbers, days, or indices of categories; NaN for missing values.
        categorical: which columns of `cells` are indices, bool (C,).
        dense: float32 (N, W): scaled numbers, and zeros and ones for categories; nothing is missing.
    """

    cells: np.ndarray
    categorical: np.ndarray
    dense: np.ndarray
