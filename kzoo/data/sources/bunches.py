"""Dicts of columns, and what scikit-learn's ``load_*`` functions return."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kzoo.data.examples import SPLIT_NAMES
from kzoo.specs.task import UserData


def is_bunch(data: UserData) -> bool:
    """Whether some data is a scikit-learn ``Bunch``, such as of ``load_iris()``: a dict with data and targets."""
    return isinstance(data, Mapping) and {"data", "target"} <= set(data)


def is_columns(data: UserData) -> bool:
    """Whether some data is a dict of columns of one length, and not one of splits."""
    if not isinstance(data, Mapping) or not data or set(data) & set(SPLIT_NAMES):
        return False
    plain = all(hasattr(each, "__len__") and not isinstance(each, str | bytes | tuple) for each in data.values())
    return plain and len({len(each) for each in data.values()}) == 1 and not any(map(_is_table, data.values()))


def _is_table(value: UserData) -> bool:
    """Whether a value is more than a column; pixels of images, (N, H, W) or (N, H, W, C), are one."""
    return hasattr(value, "columns") or isinstance(value, Mapping) or getattr(value, "ndim", 1) not in (1, 3, 4)


def open_bunch(bunch: UserData) -> dict[str, UserData]:
    """The columns of a Bunch by name; integer targets by the names of their classes."""
    inputs, targets = bunch["data"], bunch["target"]
    if hasattr(inputs, "columns"):
        columns = {str(name): inputs[name].tolist() for name in inputs.columns}
    elif np.ndim(inputs) == 1:
        columns = {"text": list(inputs)}
    else:
        array = np.asarray(inputs)
        names = bunch.get("feature_names", [f"x{place}" for place in range(array.shape[1])])
        columns = {str(name): array[:, place].tolist() for place, name in enumerate(names)}
    return {**columns, **_targets(bunch, np.asarray(targets))}


def _targets(bunch: UserData, targets: np.ndarray) -> dict[str, UserData]:
    names = bunch.get("target_names")
    names = [] if names is None else list(names)
    if targets.ndim == 2:
        called = names if len(names) == targets.shape[1] else [f"target{place}" for place in range(targets.shape[1])]
        return {str(name): targets[:, place].tolist() for place, name in enumerate(called)}
    if targets.dtype.kind in "iu" and names and targets.min() >= 0 and targets.max() < len(names):
        return {"target": [str(names[target]) for target in targets.tolist()]}
    return {"target": targets.tolist()}
