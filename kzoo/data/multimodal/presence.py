"""Which examples have an input: one definition for training, for answers and for exported models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kzoo.data.multimodal.parts import find_present, modality_of
from kzoo.data.multimodal.preprocess import MultimodalPreprocessor
from kzoo.data.seams import Modality


def find_used(
    preprocessor: MultimodalPreprocessor, column: np.ndarray, known: Mapping[str, Modality]
) -> dict[str, np.ndarray]:
    """By part: which examples have a value of it that the model uses, bool (N,).

    A row is there where a column that the model uses has a value that it can read.

    Args:
        preprocessor: the model's.
        column: of N examples.
        known: all other modalities, by name.
    """
    found = {part: find_present(column[part]) for part in preprocessor.parts}
    for part, there in found.items():
        present = known[modality_of(part)].present
        if present is not None and there.any():
            own = [entry.preprocessor for entry in preprocessor.entries if entry.part == part]
            there[there] = np.any([present(each, column[part][there]) for each in own], axis=0)
    return found
