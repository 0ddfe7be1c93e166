"""The parts that a modality has unless it brings its own: those of arrays of numbers."""

from __future__ import annotations

import numpy as np

from kzoo.data.arrays.column import check_numbers, collect_numbers
from kzoo.data.arrays.preprocess import fit_numbers, restore_numbers
from kzoo.data.arrays.reader import ArrayReader
from kzoo.data.arrays.served import sample_numbers, serve_numbers
from kzoo.specs.catalog.modality import ModalitySpec
from kzoo.specs.checked_json import Fields
from kzoo.specs.task import UserData


def array_parts(spec: ModalitySpec, given: Fields) -> Fields:
    """The parts of a modality whose examples are arrays of numbers, as fields of `kzoo.data.seams.Modality`.

    Args:
        spec: its properties.
        given: the parts that whoever registers it gives.
    """
    noun, collect = given.get("noun", spec.name), given.get("collect", collect_numbers)

    def ask(inputs: UserData) -> tuple[np.ndarray, list[str]]:
        column = collect(inputs)
        column = column[None] if column.dtype != object and column.ndim == 1 else column
        return column, [f"{noun} {index}" for index in range(len(column))]

    # The functions that serve arrays need the preprocessor of arrays.
    served = {} if "fit" in given else {"serve": serve_numbers, "sample": sample_numbers}
    return {
        "spec": spec,
        "noun": noun,
        "usual": (spec.name,),
        "suffixes": (),
        "collect": collect,
        "ask": ask,
        "check": check_numbers,
        "fit": fit_numbers,
        "restore": restore_numbers,
        "reader": ArrayReader,
        "feeds": (spec.name,),
        "shape": lambda card, size, channels: (size,),
        **served,
    }
