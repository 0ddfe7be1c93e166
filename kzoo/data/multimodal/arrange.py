"""Inputs of a user by the names of a model's parts: what `Adapted.predict` of several inputs takes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.multimodal.parts import modality_of, short_name
from kzoo.data.multimodal.preprocess import MultimodalPreprocessor
from kzoo.data.seams import Modality
from kzoo.data.sources.table_files import TABLES, read_table_file
from kzoo.specs.task import UserData

NEAR = 0.75
"""Likeness of two names, in [0, 1], from which on one is taken for the other misspelt."""


def arrange_inputs(
    known: Mapping[str, Modality], preprocessor: MultimodalPreprocessor, inputs: UserData
) -> dict[str, UserData] | np.ndarray:
    """Values by part, for the modality's `ask`, of whatever names a user gives them.

    A part is called as its column was in training (``"photo"``), or as its modality where it has one part. What is
    not named is missing.

    Args:
        known: all other modalities, by name.
        preprocessor: the model's.
        inputs: a DataFrame, a dict of columns, the path of a table, a dict of one example, a list of such dicts, or a
            column of parts.

    Raises:
        TypeError: inputs have no names.
        ValueError: none of the names is known.
    """
    if isinstance(inputs, np.ndarray) and inputs.dtype.names:
        if set(preprocessor.parts) <= set(inputs.dtype.names):
            return inputs
        inputs = {name: inputs[name] for name in inputs.dtype.names}
    root = Path()
    if isinstance(inputs, str | Path) and Path(inputs).suffix.lower() in TABLES:
        root = Path(inputs).expanduser().parent
        inputs = read_table_file(Path(inputs).expanduser(), [])
    table = _table(inputs)
    count = next((len(values) for values in table.values() if values is not None), 0)
    table = {name: [None] * count if values is None else values for name, values in table.items()}
    found: dict[str, UserData] = {}
    used: set[str] = set()
    missing: list[str] = []
    for entry in preprocessor.entries:
        part, modality = entry.part, known[modality_of(entry.part)]
        if modality.wide:
            wanted = [each.name for each in getattr(entry.preprocessor, "columns", ())]
            # A column may bear the name of the part.
            nested = part in table and part not in wanted
            given = _table(table[part]) if nested else table
            used |= {part} if nested else set(wanted) & set(table)
            missing += [name for name in wanted if name not in given]
            found[part] = {name: given.get(name, [None] * count) for name in wanted}
            continue
        name = next((name for name in _names(preprocessor, part) if name in table), None)
        values = [None] * count if name is None else table[name]
        used |= {name} if name else set()
        missing += [] if name else _names(preprocessor, part)[:1]
        if modality.are_files and not hasattr(values, "__array__"):
            values = [root / str(each) if _is_path(each) else each for each in values]
        found[part] = values
    if not used:
        asked = [name for part in preprocessor.parts for name in _names(preprocessor, part)[:1]]
        raise ValueError(
            f"The inputs must have names, such as {', '.join(map(repr, asked))}. Got {', '.join(table) or 'none'}."
        )
    _refuse_misspelt(missing, set(table) - used)
    return found


def _refuse_misspelt(missing: Sequence[str], unknown: Collection[str]) -> None:
    """Raises where an input is missing, and one that the model does not know has nearly its name."""
    for name in missing:
        near = [each for each in unknown if difflib.SequenceMatcher(None, each.lower(), name.lower()).ratio() >= NEAR]
        if near:
            raise ValueError(
                f"The inputs have no {name!r}, which the model was trained on, but {near[0]!r}. Rename it to {name!r}; "
                f"or pass {name!r} as None if it is missing."
            )


def _names(preprocessor: MultimodalPreprocessor, part: str) -> list[str]:
    """Names by which a user may call a part: its column, and its modality where no other part has it."""
    alone = sum(modality_of(each) == modality_of(part) for each in preprocessor.parts) == 1
    names = [short_name(part), part, *([modality_of(part)] if alone else [])]
    return list(dict.fromkeys(name.strip() for name in names))


def _table(inputs: UserData) -> dict[str, Any]:
    """The columns of inputs by name."""
    if hasattr(inputs, "columns") and hasattr(inputs, "itertuples"):
        return {str(name).strip(): inputs[name].tolist() for name in inputs.columns}
    if isinstance(inputs, Mapping):
        counts = {_count(each) for each in inputs.values()}
        if "many" not in counts and "one" in counts:
            inputs = [inputs]
        else:
            return {str(name).strip(): each.tolist() if _is_flat(each) else each for name, each in inputs.items()}
    if isinstance(inputs, list) and inputs and all(isinstance(each, Mapping) for each in inputs):
        rows = [{str(name).strip(): value for name, value in each.items()} for each in inputs]
        names = dict.fromkeys(name for each in rows for name in each)
        return {name: [each.get(name) for each in rows] for name in names}
    raise TypeError(
        f"Several inputs must have names: a DataFrame, a dict, a list of dicts or a table file. "
        f"Got {type(inputs).__name__}."
    )


def _count(value: Any) -> str:
    """``"one"`` or ``"many"``: of how many examples a value in a dict is; ``"either"``: others have to say.

    One are a path, a text, a number, a date, an image, pixels (H, W, 1 or 3), a pair of rate and samples.
    """
    if value is None or isinstance(value, Mapping):
        return "either"
    if isinstance(value, list | tuple):
        return "one" if len(value) == 2 and isinstance(value[0], int | np.integer) and np.ndim(value[1]) else "many"
    if not hasattr(value, "ndim") or value.ndim == 0:
        return "one"
    if value.ndim == 2:
        return "either"
    return "one" if value.ndim == 3 and value.shape[-1] in (1, 3) else "many"


def _is_flat(values: object) -> bool:
    """Whether values are a column of one dimension, such as an array or a Series."""
    return hasattr(values, "tolist") and getattr(values, "ndim", 0) == 1


def _is_path(value: object) -> bool:
    return isinstance(value, str | Path) and bool(str(value))
