"""Text columns: texts as users have them, as strings, and checked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kzoo.core.raw_targets import is_missing
from kzoo.data.examples import CheckedColumn
from kzoo.data.text.encoding import decode_text, describe
from kzoo.specs.task import UserData

MOST_CHARACTERS = 20_000
"""Characters of a long text that are kept, more than any backbone reads."""


def collect_texts(values: UserData, *, root: Path = Path()) -> np.ndarray:
    """Texts as a text column, an object array (N,), of any values. `check_texts` finds those that are not texts."""
    values = values.tolist() if hasattr(values, "__array__") else list(values)
    # An assignment to a slice takes lists of equal length for rows.
    return np.fromiter(values, dtype=object, count=len(values))


def open_text(path: Path) -> bytes:
    """The beginning of a file."""
    with open(path, "rb") as file:
        return file.read(8 * MOST_CHARACTERS)


def check_texts(column: np.ndarray) -> CheckedColumn:
    """Strings of a column, their digests, and the reasons against those that are none or say nothing."""
    texts, reasons, broken, long = [], {}, 0, 0
    guessed: Counter[str] = Counter()
    for index, value in enumerate(column):
        if isinstance(value, bytes):
            value, encoding = decode_text(value)
            guessed[describe(encoding)] += 1
        text, reason = _text(value)
        broken += "\ufffd" in text
        long += len(text) > MOST_CHARACTERS
        texts.append(text[:MOST_CHARACTERS])
        if reason:
            reasons[index] = reason
    notes = [f"{count} texts: each {note}" for note, count in guessed.items() if note]
    notes += [f"{broken} texts have invalid characters, which are replaced"] if broken else []
    notes += [f"{long} texts are longer than {MOST_CHARACTERS:,} characters and are cut"] if long else []
    return CheckedColumn(collect_texts(texts), [_digest(text) for text in texts], reasons, notes)


def _text(value: object) -> tuple[str, str | None]:
    """A value as a text, and why it is none."""
    if isinstance(value, str):
        # Lone surrogates have no UTF-8. A text without visible characters is empty.
        text = value.encode("utf-8", errors="replace").decode("utf-8").replace("\0", " ").strip("\ufeff \t\r\n\u200b")
        return text, None if any(letter.isprintable() and not letter.isspace() for letter in text) else "empty text"
    if is_missing(value):
        return "", "no text"
    return "", f"not a text, but {type(value).__name__} {str(value)[:40]!r}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_text_inputs(texts: UserData) -> tuple[np.ndarray, list[str]]:
    """A text column and names, of one text or a list of them.

    Raises:
        TypeError: they are not texts.
    """
    if hasattr(texts, "__array__") and np.asarray(texts).dtype.kind not in "OSU":
        array = np.asarray(texts)
        raise TypeError(
            f"A text model takes a text or a list of texts. Got {array.dtype} numbers of shape {array.shape}."
        )
    if hasattr(texts, "__array__") and np.ndim(texts) == 0:
        texts = np.asarray(texts).item()
    if not isinstance(texts, str | bytes) and (isinstance(texts, Mapping) or not isinstance(texts, Iterable)):
        raise TypeError(f"A text model takes a text or a list of texts. Got {type(texts).__name__}.")
    column = collect_texts([texts] if isinstance(texts, str | bytes) else texts)
    return column, [f"text {index}: {str(text)[:40]}" for index, text in enumerate(column)]
