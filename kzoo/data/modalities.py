"""Modalities: all that differs between images, texts, recordings, rows and series, as one row each."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from kzoo.data.arrays.default_parts import array_parts
from kzoo.data.audio.column import SUFFIXES as SOUND_SUFFIXES
from kzoo.data.audio.column import check_recordings, collect_recordings, open_recording, read_audio_inputs
from kzoo.data.audio.described import describe_recordings, recording_excerpt
from kzoo.data.audio.examine import examine_recordings
from kzoo.data.audio.preprocess import AudioPreprocessor, audio_shape, fit_recordings
from kzoo.data.audio.reader import AudioReader
from kzoo.data.audio.served import sample_recordings, serve_recordings
from kzoo.data.file_column import open_file
from kzoo.data.image.check import check_images, open_image
from kzoo.data.image.column import collect_images, read_image_inputs
from kzoo.data.image.examine import examine_images
from kzoo.data.image.preprocess import SUFFIXES, ImagePreprocessor, fit_images, image_shape
from kzoo.data.image.reader import ImageReader
from kzoo.data.image.served import sample_images, serve_images
from kzoo.data.image.thumbnail import describe_images, image_excerpt, make_thumbnail
from kzoo.data.joint import restore_texts
from kzoo.data.multimodal.joint_modality import make_multimodal
from kzoo.data.row.column import ask_rows, check_rows, collect_rows, is_row
from kzoo.data.row.described import describe_rows, row_excerpt
from kzoo.data.row.preprocess import RowPreprocessor, fit_rows, restore_rows, tabulate_rows, tailor_card
from kzoo.data.row.reader import RowReader
from kzoo.data.row.served import sample_rows, serve_rows
from kzoo.data.seams import Modality
from kzoo.data.series.column import SUFFIXES as SERIES_SUFFIXES
from kzoo.data.series.column import ask_series, check_series, collect_series, open_series
from kzoo.data.series.described import describe_series, series_excerpt
from kzoo.data.series.preprocess import SeriesPreprocessor, fit_series, restore_series
from kzoo.data.series.preprocess import tailor_card as tailor_series_card
from kzoo.data.series.reader import SeriesReader
from kzoo.data.series.served import sample_series, serve_series
from kzoo.data.sources.table_files import TEXT_NAMES
from kzoo.data.text.column import check_texts, collect_texts, open_text, read_text_inputs
from kzoo.data.text.described import describe_texts, text_excerpt
from kzoo.data.text.examine import examine_texts
from kzoo.data.text.preprocess import TextReader, fit_texts, text_shape
from kzoo.data.text.scripts import script_shares
from kzoo.data.text.served import sample_texts, serve_texts
from kzoo.specs.card import BackboneSpec
from kzoo.specs.catalog.modality import MODALITY_SPECS, ModalitySpec
from kzoo.specs.task import Task

IMAGE_NAMES = ("image", "path", "file", "filename", "filepath", "file_name", "file_path", "image_path", "picture")
AUDIO_NAMES = ("audio", "path", "file", "filename", "filepath", "file_name", "file_path", "recording", "wav", "speech")


MODALITIES = {
    each.name: each
    for each in (
        Modality(
            spec=MODALITY_SPECS["image"],
            noun="image",
            usual=IMAGE_NAMES,
            suffixes=SUFFIXES,
            open=open_file,
            open_one=open_image,
            collect=collect_images,
            ask=read_image_inputs,
            check=check_images,
            examine=examine_images,
            fit=fit_images,
            restore=ImagePreprocessor.restore,
            reader=ImageReader,
            feeds=("image",),
            shape=image_shape,
            serve=serve_images,
            presets=True,
            sample=sample_images,
            thumbnail=make_thumbnail,
            mixes=True,
            explained="pixels",
            attributes=describe_images,
            excerpt=image_excerpt,
        ),
        Modality(
            spec=MODALITY_SPECS["text"],
            noun="text",
            usual=TEXT_NAMES,
            suffixes=(".txt",),
            open=open_text,
            collect=collect_texts,
            ask=read_text_inputs,
            check=check_texts,
            examine=examine_texts,
            fit=fit_texts,
            restore=restore_texts,
            reader=TextReader,
            feeds=("text",),
            shape=text_shape,
            serve=serve_texts,
            presets=True,
            sample=sample_texts,
            looks=lambda value: isinstance(value, str),
            lines=True,
            scripts=script_shares,
            views_augmentation="medium",
            explained="words",
            attributes=describe_texts,
            excerpt=text_excerpt,
        ),
        Modality(
            spec=MODALITY_SPECS["audio"],
            noun="recording",
            usual=AUDIO_NAMES,
            suffixes=SOUND_SUFFIXES,
            open=open_file,
            open_one=open_recording,
            collect=collect_recordings,
            ask=read_audio_inputs,
            check=check_recordings,
            examine=examine_recordings,
            fit=fit_recordings,
            restore=AudioPreprocessor.restore,
            reader=AudioReader,
            feeds=("audio", "image"),
            shape=audio_shape,
            serve=serve_recordings,
            presets=True,
            sample=sample_recordings,
            looks=lambda value: isinstance(value, tuple),
            explained="spectrogram",
            attributes=describe_recordings,
            excerpt=recording_excerpt,
        ),
        Modality(
            spec=MODALITY_SPECS["row"],
            noun="row",
            usual=(),
            suffixes=(),
            collect=collect_rows,
            ask=ask_rows,
            check=check_rows,
            fit=fit_rows,
            restore=restore_rows,
            reader=RowReader,
            feeds=("row",),
            shape=lambda card, size, channels: (size,),
            serve=serve_rows,
            sample=sample_rows,
            looks=is_row,
            wide=True,
            named=True,
            repeats=True,
            align=RowPreprocessor.align,
            tailor=tailor_card,
            tabulate=tabulate_rows,
            present=RowPreprocessor.present,
            attributes=describe_rows,
            excerpt=row_excerpt,
        ),
        Modality(
            spec=MODALITY_SPECS["series"],
            noun="sequence",
            usual=(),
            suffixes=SERIES_SUFFIXES,
            open=open_series,
            collect=collect_series,
            ask=ask_series,
            check=check_series,
            fit=fit_series,
            restore=restore_series,
            reader=SeriesReader,
            feeds=("series",),
            shape=lambda card, size, channels: (size, channels),
            serve=serve_series,
            sample=sample_series,
            align=SeriesPreprocessor.align,
            arrange=SeriesPreprocessor.arrange,
            tailor=tailor_series_card,
            attributes=describe_series,
            excerpt=series_excerpt,
        ),
    )
}
MODALITIES["multimodal"] = make_multimodal(MODALITIES)
"""All modalities, by name. `register_modality` adds one."""

_SPEC = tuple(each.name for each in dataclasses.fields(ModalitySpec) if each.name != "name")
_PARTS = tuple(each.name for each in dataclasses.fields(Modality) if each.name != "spec")


def register_modality(name: str, **parts: Any) -> Modality:
    """Adds a modality, for all verbs: its backbones are registered with ``kzoo.register(..., modality=name)``.

    Each part that is not given is that of arrays of numbers of one shape, float32 (N, ...): they are standardised, and
    have no augmentation but the user's own (`kzoo.data.arrays`). Parts that belong together are given together:
    ``fit`` and ``restore``, ``serve`` and ``sample``.

    Args:
        name: a new one, as ``"sensor"``; cards and messages call it so.
        **parts: fields of `kzoo.data.seams.Modality` and `kzoo.specs.catalog.modality.ModalitySpec`, among them

            - ``collect`` and ``check``: from what a user has to a column, and to digests and reasons against examples;
            - ``fit``: from a card, the training column and the keywords ``size`` (an int or None), ``resize`` and
              ``channels`` to a preprocessor, a frozen dataclass with the methods of `kzoo.data.seams.Preprocessor`,
              and a list of notes for a reader;
            - ``restore``: from the fields of that preprocessor as plain values to the preprocessor; it checks them,
              because they come from a file;
            - ``reader``: a `kzoo.data.seams.Reader`, with the augmentation; ``presets`` says whether it has any;
            - ``serve`` and ``sample``: how an exported model takes its input (`kzoo.data.seams.ServedInput`), and what
              it is compared on; without them a model is not exported;
            - ``unit``: unit of the size of a card, in the plural;
            - ``wide``: whether an example is a whole row of a table, its columns of targets and groups left out.

    Returns:
        The modality.

    Raises:
        ValueError: the name is taken, or an argument of a task; or a part is given without its counterpart.
        TypeError: there is no such part; the message suggests a similar name.

    Example:
        >>> register_modality("sensor", wid=True)
        Traceback (most recent call last):
        ...
        TypeError: A modality has no part 'wid'. Did you mean 'wide'?
    """
    if name in MODALITIES:
        raise ValueError(f"A modality named {name!r} is registered already. Choose another name.")
    if not isinstance(name, str) or not name.isidentifier() or name in {each.name for each in dataclasses.fields(Task)}:
        raise ValueError(f"The name of a modality must be an identifier and not an argument of a task. Got {name!r}.")
    for part in parts:
        if part not in (*_SPEC, *_PARTS):
            near = difflib.get_close_matches(part, (*_SPEC, *_PARTS), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The parts are: {', '.join((*_PARTS, *_SPEC))}."
            raise TypeError(f"A modality has no part {part!r}. {hint}")
    for pair in (("fit", "restore"), ("serve", "sample")):
        if len(missing := [part for part in pair if part not in parts]) == 1:
            raise ValueError(f"{pair[0]}= and {pair[1]}= of a modality belong together. Pass {missing[0]}= too.")
    spec = ModalitySpec(name=name, **{"unit": "numbers", **{part: parts[part] for part in _SPEC if part in parts}})
    given = {part: value for part, value in parts.items() if part in _PARTS}
    made = Modality(**{**array_parts(spec, given), **given})
    MODALITY_SPECS[name], MODALITIES[name] = spec, made
    return made


def named_modalities(task: Task) -> list[Modality]:
    """The modalities that a task names a column for."""
    return [each for each in MODALITIES.values() if getattr(task, each.name, None)]


def has_parts(task: Task) -> bool:
    """Whether a task names several inputs of an example: of several modalities, or several of one, but a row's."""
    named = named_modalities(task)
    given = [getattr(task, each.name) for each in named if not each.wide]
    return len(named) > 1 or any(isinstance(each, list | tuple) and len(each) > 1 for each in given)


def modality_for(card: BackboneSpec, task: Task, *, known: str | None = None) -> Modality:
    """The modality of a backbone's input: that of the data if known, else that of the task, else the backbone's own.

    Raises:
        ValueError: the backbone cannot take it.
    """
    named = [MODALITIES[known]] if known else named_modalities(task) or [MODALITIES[card.modality]]
    if MODALITIES[card.modality].choose:
        return MODALITIES[card.modality]
    if has_parts(task) and not known:
        nouns = ", ".join(f"{each.name}={getattr(task, each.name)!r}" for each in named)
        raise ValueError(
            f"{card.name!r} reads one input of an example, and the task has several: {nouns}. Pass a "
            "kzoo.Fusion with a backbone for each modality."
        )
    if len(named) > 1 or card.modality not in named[0].feeds:
        nouns = " and ".join(f"{each.noun}s" for each in named)
        wanted = [each for each in MODALITIES.values() if card.modality in each.feeds]
        takes = " or ".join(f"{each.noun}s ({each.name}=)" for each in wanted)
        raise ValueError(f"{card.name!r} needs {takes}. The task has {nouns}.")
    return named[0]


def shape_of(card: BackboneSpec, size: int, *, channels: int = 3) -> tuple[int, ...]:
    """The input of a backbone, without the batch, for its own modality: pixels, tokens, or features of samples."""
    return MODALITIES[card.modality].shape(card, size, channels)
