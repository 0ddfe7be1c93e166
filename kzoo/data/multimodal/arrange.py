"""Inputs of a user by the names of a model's parts: what `Adapted.predict` of several inputs takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.multimodal.parts import modality_of, short_name
from kzoo.data.multimodal.preprocess import MultimodalPreprocessor
from kzoo.data.seams import Modality
from kzoo.data.sources.table_files import TABLES, read_table_file
from kzoo.specs.task import UserData


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
    count = len(next(iter(table.values()))) if table else 0
    found: dict[str, UserData] = {}
    used: set[str] = set()
    for entry in preprocessor.entries:
        part, modality = entry.part, known[modality_of(entry.part)]
        if modality.wide:
            wanted = [each.name for each in getattr(entry.preprocessor, "columns", ())]
            given = _table(table[part]) if part in table else table
            used |= {part} if part in table else set(wanted) & set(table)
            found[part] = {name: given.get(name, [None] * count) for name in wanted}
            continue
        name = next((name for name in _names(preprocessor, part) if name in table), None)
        values = [None] * count if name is None else table[name]
        used |= {name} if name else set()
        if modality.are_files and not hasattr(values, "__array__"):
            values = [root / str(each) if _is_path(each) else each for each in values]
        found[part] = values
    if not used:
        asked = [name for part in preprocessor.parts for name in _names(preprocessor, part)[:1]]
        raise ValueError(
            f"The inputs must have names, such as {', '.join(map(repr, asked))}. Got {', '.join(table) or 'none'}."
        )
    return found


def _names(preprocessor: MultimodalPreprocessor, part: str) -> list[str]:
    """What a user may call a part: its column; its modality, where no other part has it."""
    alone = sum(modality_of(each) == modality_of(part) for each in preprocessor.parts) == 1
    return [short_name(part), part, *([modality_of(part)] if alone else [])]


def _table(inputs: UserData) -> dict[str, Any]:
    """The columns of inputs by name."""
    if hasattr(inputs, "columns") and hasattr(inputs, "itertuples"):
        return {str(name): inputs[name].tolist() for name in inputs.columns}
    if isinstance(inputs, Mapping):
        if all(_is_one(each) for each in inputs.values()):
            inputs = [inputs]
        else:
            return {str(name): each.tolist() if _is_flat(each) else each for name, each in inputs.items()}
    if isinstance(inputs, list) and inputs and all(isinstance(each, Mapping) for each in inputs):
        names = dict.fromkeys(str(name) for each in inputs for name in each)
        return {name: [each.get(name) for each in inputs] for name in names}
    raise TypeError(
        f"Several inputs must have names: a DataFrame, a dict, a list of dicts or a table file. "
        f"Got {type(inputs).__name__}."
    )


def _is_one(value: object) -> bool:
    """Whether a value is of one example: a path, a text, a number, pixels, a pair of rate and samples, a row."""
    if value is None or isinstance(value, str | bytes | Path | int | float | np.number):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 0 or (value.ndim == 3 and value.shape[-1] in (1, 3))
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int | np.integer)


def _is_flat(values: object) -> bool:
    return isinstance(values, np.ndarray) and values.ndim == 1


def _is_path(value: object) -> bool:
    return isinstance(value, str | Path) and bool(str(value))
