"""Inputs of `predict`, read and predicted a batch at a time; those that cannot be read are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kzoo.data.modalities import MODALITIES

Load = Callable[[np.ndarray], tuple[np.ndarray, Mapping[int, str]]]

AT_A_TIME = 64
"""Inputs that are held in memory, decoded; as many are decoded meanwhile."""


@dataclass(frozen=True)
class InputAnswers:
    """Answers for inputs.

    Args:
        rows: an answer each, float32 (N, width); NaN for what cannot be read.
        names: what each input is called.
        errors: why some cannot be read, by index.
        noun: what one is called.
        column: the inputs.
    """

    rows: np.ndarray
    names: Sequence[str]
    errors: Mapping[int, str]
    noun: str
    column: np.ndarray

    @property
    def good(self) -> list[int]:
        """Indices of those that can be read."""
        return [index for index in range(len(self.names)) if index not in self.errors]

    @property
    def reasons(self) -> dict[str, str]:
        """Why some cannot be read, by name."""
        return {self.names[index]: why for index, why in self.errors.items()}


def ask(
    modality: str, inputs: object, *, load: Load, answer: Callable[[np.ndarray], np.ndarray], width: int
) -> InputAnswers:
    """Opens inputs of any form that a modality has, and answers them.

    Args:
        modality: name.
        inputs: what a user has.
        load: from a column to examples as the network takes them, of those that can be read, and reasons against the
            others, by index.
        answer: from such examples (M, ...) to answers (M, width).
        width: numbers in an answer.

    Raises:
        ValueError: there are none, or they have a shape that no input has.
        TypeError: they are of another kind.
    """
    reads = MODALITIES[modality]
    column, names = reads.ask(inputs)
    if not len(column):
        raise ValueError(f"There are no {reads.noun}s to predict.")
    rows, errors = np.full((len(column), width), np.nan, np.float32), {}
    for start, (examples, reasons) in _loaded(column, load):
        part = range(start, min(start + AT_A_TIME, len(column)))
        errors |= {start + index: why for index, why in reasons.items()}
        good = [index for index in part if index not in errors]
        if good:
            rows[good] = answer(examples)
    return InputAnswers(rows, names, errors, reads.noun, column)


def _loaded(column: np.ndarray, load: Load) -> Iterator[tuple[int, tuple[np.ndarray, Mapping[int, str]]]]:
    """Parts of a column, loaded, each while the one before it is answered."""
    starts = range(0, len(column), AT_A_TIME)
    if len(starts) == 1:
        yield 0, load(column)
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(load, column[:AT_A_TIME])
        for start in starts:
            loaded = coming.result()
            if start + AT_A_TIME < len(column):
                coming = pool.submit(load, column[start + AT_A_TIME : start + 2 * AT_A_TIME])
            yield start, loaded
