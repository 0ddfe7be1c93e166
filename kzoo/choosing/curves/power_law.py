"""The power law of learning curves: the error falls with the number of examples n as a + b * n ** -c.

See Hestness et al. (arXiv:1712.00409), and Viering and Loog (arXiv:2103.10948) for where it holds.
"""

from __future__ import annotations

import numpy as np

RATES = np.linspace(0.05, 1.5, 30)
"""Exponents c that are tried."""


def extrapolate(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray, *, to: np.ndarray) -> np.ndarray:
    """Errors at other sizes, of the power law that fits best, by weighted least squares with a, b >= 0.

    Args:
        sizes: numbers of examples, rising, float (S,), two or more.
        errors: at these, float (R, S): one curve a row.
        weights: of the sizes, float (S,).
        to: numbers of examples, float (T,).

    Returns:
        float64 (R, T).

    Example:
        >>> sizes = np.asarray([10.0, 40.0, 160.0])
        >>> extrapolate(sizes, 0.1 + sizes[None] ** -0.5, np.ones(3), to=np.asarray([640.0])).round(3).tolist()
        [[0.14]]
    """
    best = np.full(len(errors), np.inf)
    found = np.zeros((len(errors), len(to)))
    for rate in RATES:
        # Relative to the first size: numbers stay near 1.
        known, wanted = (sizes / sizes[0]) ** -rate, (to / sizes[0]) ** -rate
        floor, height = _line(known, errors, weights)
        loss = (weights * (floor[:, None] + height[:, None] * known - errors) ** 2).sum(axis=1)
        better = loss < best
        best[better] = loss[better]
        found[better] = (floor[:, None] + height[:, None] * wanted)[better]
    return found


def _line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts and slopes, (R,) each, both at least 0, of weighted least squares of rows y (R, S) on x (S,)."""
    share = weights / weights.sum()
    middle, level = share @ x, y @ share
    slope = np.maximum((y - level[:, None]) @ (share * (x - middle)) / (share @ (x - middle) ** 2), 0)
    through_zero = np.maximum(y @ (share * x) / (share @ x**2), 0)
    # A line that would start below 0 starts at 0.
    slope = np.where(level - slope * middle < 0, through_zero, slope)
    return np.maximum(level - slope * middle, 0), slope
