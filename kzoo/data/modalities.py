"""Modalities: all that differs between pictures and texts until they are what a backbone takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.audit import check_pictures
from kzoo.data.examples import Checked
from kzoo.data.image import SUFFIXES, Preprocessor, fit_pictures
from kzoo.data.pictures import ask_pictures, collect_pictures, open_picture
from kzoo.data.text import TextPreprocessor, Texts, fit_texts
from kzoo.data.texts import ask_texts, check_texts, collect_texts, open_text
from kzoo.data.views import Pictures

IMAGE_NAMES = ("image", "path", "file", "filename", "filepath", "file_name", "file_path", "image_path", "picture")
TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "tweet", "document", "body", "message", "question")


@dataclass(frozen=True)
class Modality:
    """A kind of input.

    Args:
        name: of its column in `kzoo.data.examples.Examples`, and of the argument of a task that names its source.
        noun: what one is called in messages.
        usual: names that a column of it usually has.
        suffixes: of its files.
        open: from a file's path to a value that `collect` takes.
        collect: values as a user has them, and the ``root`` of their paths, as a column.
        ask: whatever a user asks about, as a column and names.
        check: opens all of a column once.
        fit: from a card and the training column, with what the user wants, to a preprocessor and notes for a reader.
        preprocessor: the class of what `fit` gives.
        reader: from a column and a preprocessor to examples by their index, see `kzoo.data.views.Pictures`.
    """

    name: str
    noun: str
    usual: Sequence[str]
    suffixes: Sequence[str]
    open: Callable[[Path], Any]
    collect: Callable[..., np.ndarray]
    ask: Callable[[Any], tuple[np.ndarray, list[str]]]
    check: Callable[[np.ndarray], Checked]
    fit: Callable[..., tuple[Any, list[str]]]
    preprocessor: type
    reader: Callable[..., Any]


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a source.

    Args:
        modality: of the inputs.
        input: name of their column, or None for one with a usual name.
        label: name of the column of the target, or several; None for one with a usual name.
    """

    modality: Modality
    input: str | None = None
    label: str | Sequence[str] | None = None


MODALITIES = {
    "image": Modality(
        "image",
        "picture",
        IMAGE_NAMES,
        SUFFIXES,
        open_picture,
        collect_pictures,
        ask_pictures,
        check_pictures,
        fit_pictures,
        Preprocessor,
        Pictures,
    ),
    "text": Modality(
        "text",
        "text",
        TEXT_NAMES,
        (".txt",),
        open_text,
        collect_texts,
        ask_texts,
        check_texts,
        fit_texts,
        TextPreprocessor,
        Texts,
    ),
}
"""All modalities, by name."""
