"""Series as a report describes them: how long they are, and what they lack."""

from __future__ import annotations

import numpy as np

SHOWN = 20
"""Steps of an excerpt."""


def describe_series(column: np.ndarray) -> dict[str, np.ndarray]:
    """Steps of each series, and the share of its values that is missing, float64 (N,)."""
    return {
        "steps": np.array([len(series) for series in column], np.float64),
        "missing share": np.array([np.isnan(series).mean() for series in column], np.float64),
    }


def series_excerpt(series: np.ndarray) -> tuple[str, bytes]:
    """The first steps of a series, a line each, UTF-8."""
    lines = [" ".join(f"{value:.4g}" for value in step) for step in series[:SHOWN]]
    more = [f"... {len(series) - SHOWN:,} more steps"] if len(series) > SHOWN else []
    return "text/plain", "\n".join([*lines, *more]).encode()
