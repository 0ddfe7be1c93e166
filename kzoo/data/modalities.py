"""Modalities: all that differs between images, texts and recordings, as one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.audio.column import SUFFIXES as SOUND_SUFFIXES
from kzoo.data.audio.column import check_recordings, collect_recordings, open_recording, read_audio_inputs
from kzoo.data.audio.preprocess import AudioPreprocessor, AudioReader, fit_recordings
from kzoo.data.audio.spectrogram import FrontEnd
from kzoo.data.examples import CheckedColumn
from kzoo.data.file_column import open_file
from kzoo.data.image.check import check_images, open_image
from kzoo.data.image.column import collect_images, read_image_inputs
from kzoo.data.image.preprocess import SUFFIXES, ImagePreprocessor, fit_images
from kzoo.data.image.reader import ImageReader
from kzoo.data.image.thumbnail import make_thumbnail
from kzoo.data.joint import restore_texts
from kzoo.data.text.column import check_texts, collect_texts, open_text, read_text_inputs
from kzoo.data.text.preprocess import TextReader, fit_texts
from kzoo.specs.card import BackboneSpec
from kzoo.specs.task import Task

IMAGE_NAMES = ("image", "path", "file", "filename", "filepath", "file_name", "file_path", "image_path", "picture")
TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "tweet", "document", "body", "message", "question")

AUDIO_NAMES = ("audio", "path", "file", "filename", "filepath", "file_name", "file_path", "recording", "wav", "speech")


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
        restore: what `fit` gave, of its fields as plain values.
        reader: from a column and a preprocessor to examples by their index, see `kzoo.data.image.reader.ImageReader`.
        feeds: modalities of the backbones that take it.
        open_one: from a path or an encoded file to an encoded file that TensorFlow decodes, and why it cannot be used;
            None where inputs are not encoded.
        thumbnail: from a value of the column to a small JPEG, or to None; None where inputs cannot be seen.
    """

    name: str
    noun: str
    usual: Sequence[str]
    suffixes: Sequence[str]
    open: Callable[[Path], Any]
    collect: Callable[..., np.ndarray]
    ask: Callable[[Any], tuple[np.ndarray, list[str]]]
    check: Callable[[np.ndarray], CheckedColumn]
    fit: Callable[..., tuple[Any, list[str]]]
    restore: Callable[[Any], Any]
    reader: Callable[..., Any]
    feeds: Sequence[str]
    open_one: Callable[[Any], tuple[bytes, str | None]] | None = None
    thumbnail: Callable[[Any], bytes | None] | None = None

    @property
    def are_files(self) -> bool:
        """Whether a string in its column is a path, and not the text itself."""
        return self.open is open_file


@dataclass(frozen=True)
class SourceQuery:
    """What is looked for in a source.

    Args:
        modality: of the inputs.
        input: name of their column, or None for one with a usual name.
        label: name of the column of the target, or several, or a function of a path; None for a usual name.
        groups: see `kzoo.specs.task.Task`.
        labelled: whether targets are looked for; without, they are None.
    """

    modality: Modality
    input: str | None = None
    label: str | Sequence[str] | Callable[[Any], Any] | None = None
    groups: str | Sequence[Any] | Callable[[Any], Any] | None = None
    labelled: bool = True


MODALITIES = {
    "image": Modality(
        "image",
        "image",
        IMAGE_NAMES,
        SUFFIXES,
        open_file,
        collect_images,
        read_image_inputs,
        check_images,
        fit_images,
        ImagePreprocessor.restore,
        ImageReader,
        ("image",),
        open_image,
        thumbnail=make_thumbnail,
    ),
    "text": Modality(
        "text",
        "text",
        TEXT_NAMES,
        (".txt",),
        open_text,
        collect_texts,
        read_text_inputs,
        check_texts,
        fit_texts,
        restore_texts,
        TextReader,
        ("text",),
    ),
    "audio": Modality(
        "audio",
        "recording",
        AUDIO_NAMES,
        SOUND_SUFFIXES,
        open_file,
        collect_recordings,
        read_audio_inputs,
        check_recordings,
        fit_recordings,
        AudioPreprocessor.restore,
        AudioReader,
        ("audio", "image"),
        open_recording,
    ),
}
"""All modalities, by name."""


def named_modalities(task: Task) -> list[Modality]:
    """The modalities that a task names a column for."""
    return [each for each in MODALITIES.values() if getattr(task, each.name)]


def modality_for(card: BackboneSpec, task: Task, *, known: str | None = None) -> Modality:
    """What a backbone is fed with: what the data is known to be, what the task names, else what it is made for.

    Raises:
        ValueError: the backbone cannot take it.
    """
    named = [MODALITIES[known]] if known else named_modalities(task) or [MODALITIES[card.modality]]
    if len(named) > 1 or card.modality not in named[0].feeds:
        nouns = " and ".join(f"{each.noun}s" for each in named)
        wanted = [each for each in MODALITIES.values() if card.modality in each.feeds]
        takes = " or ".join(f"{each.noun}s ({each.name}=)" for each in wanted)
        raise ValueError(f"{card.name!r} takes {takes}; the task has {nouns}.")
    return named[0]


def shape_of(card: BackboneSpec, size: int, *, channels: int = 3) -> tuple[int, ...]:
    """The input of a backbone, without the batch, for its own modality: pixels, tokens, or features of samples."""
    if card.modality == "audio":
        return FrontEnd(**card.reads).shape(size)
    return (size, size, channels) if card.modality == "image" else (size,)
