"""Limits of a saved model: numbers in its card, and the embeddings that it keeps in a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kzoo.core.storage import DamagedError
from kzoo.evaluation.answer_limits import AnswerLimits
from kzoo.evaluation.novelty import NEIGHBORS, Novelty
from kzoo.specs.checked_json import Check, Fields, checked, maybe, number, text, whole

EMBEDDINGS = "novelty.npy"

_NOVELTY: dict[str, Check] = {"k": whole(1, NEIGHBORS), "threshold": number(-1, 3), "source": text(100)}
_LIMITS: dict[str, Check] = {
    "accuracy": maybe(number(0, 1)),
    "threshold": maybe(number(0, 1)),
    "source": text(1_000),
    "novelty": maybe(lambda value, name: checked(value, _NOVELTY, name=name, needed=tuple(_NOVELTY))),
}


def write_limits(limits: AnswerLimits, directory: Path) -> Fields:
    """Writes the embeddings, if there are any; returns the limits as plain values for a card."""
    novelty = limits.novelty
    if novelty is not None:
        np.save(directory / EMBEDDINGS, np.asarray(novelty.known, np.float32), allow_pickle=False)
        plain = {"k": novelty.k, "threshold": novelty.threshold, "source": novelty.source}
    return {
        "accuracy": limits.accuracy,
        "threshold": limits.threshold,
        "source": limits.source,
        "novelty": None if novelty is None else plain,
    }


def check_limits(value: object, name: str) -> Fields:
    """The limits in a card, each value checked."""
    return checked(value, _LIMITS, name=name, needed=tuple(_LIMITS))


def read_limits(values: Fields, directory: Path) -> AnswerLimits:
    """The limits of values that `check_limits` gave, with the embeddings of `directory`.

    Raises:
        DamagedError: the embeddings are missing or of another form.
    """
    novelty = values["novelty"]
    return AnswerLimits(
        values["accuracy"],
        values["threshold"],
        values["source"],
        None if novelty is None else Novelty(_read_embeddings(directory / EMBEDDINGS, least=novelty["k"]), **novelty),
    )


def _read_embeddings(path: Path, *, least: int) -> np.ndarray:
    """Embeddings, float32 (N, width), N of `least` or more. A file shorter than its header says is refused."""
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedError(f"{path} is damaged: {error}. Save or copy the model again.") from error
    if not isinstance(mapped, np.ndarray) or mapped.dtype != np.float32 or mapped.ndim != 2 or len(mapped) < least:
        raise DamagedError(f"{path} is damaged: it must hold a float32 array of {least} rows or more.")
    return np.array(mapped)
