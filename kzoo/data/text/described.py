"""Texts as a report describes them: attributes by which they are divided into slices, and their beginning."""

from __future__ import annotations

import numpy as np

from kzoo.data.text.scripts import script_shares

EXCERPT = 400
"""Characters of a text that are shown."""


def describe_texts(column: np.ndarray) -> dict[str, np.ndarray]:
    """Number of characters, float64 (N,), and the script of most letters, an ISO 15924 code or "", object (N,).

    Args:
        column: strings (N,).

    Example:
        >>> describe_texts(np.array(["a film", "酒店很好"], dtype=object))
        {'characters': array([6., 4.]), 'script': array(['Latn', 'Hani'], dtype=object)}
    """
    scripts = np.empty(len(column), dtype=object)
    scripts[:] = [next(iter(script_shares([text])), "") for text in column]
    return {"characters": np.asarray([len(text) for text in column], np.float64), "script": scripts}


def text_excerpt(text: str) -> tuple[str, bytes]:
    """The beginning of a text, UTF-8."""
    shown = text if len(text) <= EXCERPT else f"{text[: EXCERPT - 3]}..."
    return "text/plain", shown.encode("utf-8", errors="replace")
