"""A version of a SavedModel: written aside, reloaded, compared, and only then moved into place."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.disk_errors import explaining
from kzoo.core.locks import lock
from kzoo.core.storage import EXPORT_CHECKSUMS, atomic_directory, target_of, write_checksums
from kzoo.core.tensors import Batch, Tensor
from kzoo.serving.input_names import rename_inputs
from kzoo.serving.warmup import write_warmup

TOLERANCE = 1e-3
"""Largest difference from the results of `Adapted.predict`, relative to the largest number.

`Adapted.predict` folds BatchNorm and has another batch size, so sums are rounded in another order.
"""


@dataclass(frozen=True, eq=False)
class Between:
    """Outputs are right between two arrays (B, ...), both included; of bool, True is above False."""

    low: np.ndarray
    high: np.ndarray


Answers: TypeAlias = np.ndarray | Sequence[Container[str]] | Between
"""Outputs that are right: numbers (B, ...), the numbers between two, or for each example the labels that are."""

# TensorFlow ships no type for it that a checker reads (2.21).
TracedFunction: TypeAlias = "tf.types.experimental.PolymorphicFunction"


class ExportError(RuntimeError):
    """The outputs of an exported model differ from the live model. Nothing was kept."""


def export_version(
    directory: str | Path,
    *,
    signatures: Mapping[str, tuple[Callable[..., Mapping[str, Tensor]], Sequence[tf.TensorSpec]]],
    models: Sequence[keras.Model],
    samples: Mapping[str, Mapping[str, Batch]],
    answers: Mapping[str, Mapping[str, Answers]],
    extras: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
) -> Path:
    """Writes ``directory/<next integer>/`` in TensorFlow Serving's layout.

    Args:
        directory: of the model; made where it is missing.
        signatures: functions and their input specifications, by name.
        models: that the functions call.
        samples: inputs of each signature, on which the reloaded model is compared with the live one.
        answers: results of `Adapted.predict` and of the live embedding, by signature and output: numbers (B, ...), or
            for each label the set of correct ones.
        extras: text files for ``assets.extra/``, by name.
        renamed: what inputs are called in the files, by the name of their spec; None: as their specs.

    Returns:
        The new directory.

    Raises:
        ExportError: the outputs of the files differ from the live model.
        OSError: the disk is full, or not writable; no version appears.
        TypeError, ValueError: `directory` is not a path, or empty.
    """
    with next_version(directory) as (target, aside):
        # They do not need AutoGraph, which would have to read their source.
        live = {
            name: tf.function(call, input_signature=list(spec), autograph=False)
            for name, (call, spec) in signatures.items()
        }
        _write(aside, live, models)
        renamed = renamed or {}
        if renamed:
            rename_inputs(aside, renamed)
        folder = aside / "assets.extra"
        folder.mkdir()
        for name, text in extras.items():
            (folder / name).write_text(text, encoding="utf-8")
        first = {
            renamed.get(name, name): tf.constant(samples["serving_default"][name][:1], spec.dtype).numpy()
            for name, spec in ((str(spec.name), spec) for spec in signatures["serving_default"][1])
        }
        write_warmup(folder, model=target.parent.name, requests=[first])
        _compare(aside, live, samples, answers, renamed=renamed)
    return target


@contextlib.contextmanager
def next_version(directory: str | Path) -> Iterator[tuple[Path, Path]]:
    """The directory of the next version, and one aside to write into, which becomes it with checksums at the end.

    Raises:
        OSError: the disk is full, or not writable.
        TypeError, ValueError: `directory` is not a path, or empty.
    """
    directory = target_of(directory, verb="export")
    real = Path(os.path.realpath(directory))
    with explaining(real):
        real.mkdir(parents=True, exist_ok=True)
    with lock(directory):
        versions = (int(path.name) for path in directory.iterdir() if path.name.isdigit())
        target = directory / str(1 + max(versions, default=0))
        with atomic_directory(target) as aside:
            yield target, aside
            (aside / EXPORT_CHECKSUMS).parent.mkdir(exist_ok=True)
            write_checksums(aside, to=EXPORT_CHECKSUMS)


def _write(directory: Path, functions: Mapping[str, TracedFunction], models: Sequence[keras.Model]) -> None:
    archive = keras.export.ExportArchive()
    for model in models:
        archive.track(model)
    for name, function in functions.items():
        archive.add_endpoint(name, function)
    logger = tf.get_logger()
    level = logger.level
    # TensorFlow tells where its files are: aside, from where they are moved.
    logger.setLevel(logging.WARNING)
    try:
        archive.write_out(str(directory), verbose=False)
    finally:
        logger.setLevel(level)


def _compare(
    directory: Path,
    live: Mapping[str, TracedFunction],
    samples: Mapping[str, Mapping[str, Batch]],
    answers: Mapping[str, Mapping[str, Answers]],
    *,
    renamed: Mapping[str, str],
) -> None:
    """Raises unless each signature, loaded from the disk, gives the outputs of the live model.

    They must equal the outputs before writing bit by bit, and those of `Adapted.predict` within `TOLERANCE`.
    """
    loaded = tf.saved_model.load(str(directory))
    for name, function in live.items():
        inputs = {
            spec.name: tf.constant(samples[name][spec.name])
            if spec.dtype == tf.string
            else tf.cast(samples[name][spec.name], spec.dtype)
            for spec in function.input_signature
        }
        before = {key: value.numpy() for key, value in function(*inputs.values()).items()}
        given = {renamed.get(key, key): value for key, value in inputs.items()}
        after = {key: value.numpy() for key, value in loaded.signatures[name](**given).items()}
        for key, value in before.items():
            if not np.array_equal(value, after[key]):
                raise ExportError(
                    f"The exported signature {name!r} gives different {key} after reloading. It was not kept."
                )
        for key, wanted in answers[name].items():
            if not agree(after[key], wanted):
                raise ExportError(
                    f"The exported signature {name!r} gives different {key} from Adapted.predict. It was not kept."
                )
        if any(after.get("errors", ())):
            raise ExportError(
                f"The exported signature {name!r} reports errors where Adapted.predict has results. It was not kept."
            )


def agree(found: np.ndarray, wanted: Answers) -> bool:
    """Whether an output is correct: numbers within `TOLERANCE`, in bounds, or for each row one of a set of labels."""
    if isinstance(wanted, Between):
        return found.shape == wanted.low.shape and bool(((found >= wanted.low) & (found <= wanted.high)).all())
    if not isinstance(wanted, np.ndarray):
        return len(found) == len(wanted) and all(
            one.decode() in allowed for one, allowed in zip(found, wanted, strict=True)
        )
    return found.shape == wanted.shape and bool(np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max())
