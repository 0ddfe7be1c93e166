"""Targets as they come: what is missing, the name of a class, numbers."""

from __future__ import annotations

import numpy as np


def class_name(target: object) -> str | None:
    """The name of a class, or None where there is none."""
    if isinstance(target, bytes):
        target = target.decode("utf-8", errors="replace")
    if isinstance(target, str):
        return target.strip() or None
    if target is None:
        return None
    array = np.asarray(target)
    if array.size > 1:
        one_hot = array.ndim == 1 and set(np.unique(array)) <= {0, 1} and array.sum() == 1
        return str(int(array.argmax())) if one_hot else None
    if not array.size:
        return None
    value = array.reshape(-1)[0]
    if isinstance(value, bytes | str):
        return class_name(value)
    if is_missing(value):
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True
    except ValueError:  # of an array, which is something
        return False


def numbers_of(target: object) -> list[float]:
    """One or several finite numbers, or nothing."""
    try:
        values = np.atleast_1d(np.asarray(target, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        return []
    return values.tolist() if np.isfinite(values).all() else []


def natural_order(name: str) -> tuple[int, float, str]:
    """Numbers in the order of their values, before words."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
