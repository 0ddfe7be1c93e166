"""A model on one input, for ``kzoo try``: its answer, an explanation and the nearest training examples."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kzoo
from kzoo.cli.saved_models import load_saved
from kzoo.data.modalities import MODALITIES
from kzoo.results.thumbnails import thumbnails_of
from kzoo.serving.rest.versions import DEFAULT, ServedModel, Version
from kzoo.task_kinds.kind_registry import get_task_kind

NEAREST = 6

FORMS = (("tensor", "pixels"), ("tokens", "words"), ("waveform", "spectrogram"))
"""A signature that only exported models of one kind of input have, and the form of that input."""


@dataclass(frozen=True)
class Answer:
    """The parts that are shown for an input.

    Args:
        outputs: probabilities of labels, or values, by name; empty where the input could not be read.
        lines: the answer in words, and what is missing.
        figure: the explanation as PNG, or None.
        nearest: of each near training example a small JPEG, or None, and a caption.
    """

    outputs: Mapping[str, float]
    lines: Sequence[str]
    figure: bytes | None = None
    nearest: Sequence[tuple[bytes | None, str]] = ()


@dataclass(frozen=True)
class Trial:
    """A model to try.

    Args:
        title: its name.
        form: of its input: ``"pixels"``, ``"words"`` or ``"spectrogram"``.
        explains: whether it explains its answers and finds near training examples.
        answer: from the path of a file, or a text, to the answer.
    """

    title: str
    form: str
    explains: bool
    answer: Callable[[str], Answer]


def open_trial(directory: str | Path) -> Trial:
    """The model of a saved folder, or the newest version of an exported one, which only answers.

    Raises:
        ValueError: its inputs are arrays of numbers, for which there is no page.
    """
    if (Path(directory) / "card.json").is_file():
        return _of_saved(load_saved(str(directory)))
    model = ServedModel(directory, report=lambda line: None)
    model.close()
    form = next((form for name, form in FORMS if name in model.version.signatures), "numbers")
    _refuse_numbers(form)
    path = model.version.path / "assets.extra" / "labels.txt"
    labels = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    return Trial(
        f"{model.name}, version {model.version.number}",
        form,
        False,
        lambda given: _ask_exported(model.version, given, labels, is_file=form != "words"),
    )


def _refuse_numbers(form: str) -> None:
    if form == "numbers":
        raise ValueError(
            "There is no page for models whose inputs are neither images, texts nor recordings. Use kzoo predict."
        )


def _ask_exported(version: Version, given: str, labels: Sequence[str], *, is_file: bool) -> Answer:
    signature = version.signatures[DEFAULT]
    (name,) = signature.inputs
    content = Path(given).read_bytes() if is_file else given.encode("utf-8", "replace")
    found = {key: value[0] for key, value in signature.run({name: np.array([content], object)}).items()}
    if found["errors"]:
        return Answer({}, [f"It could not be read: {found['errors'].decode()}."])
    numbers = found["probabilities" if "probabilities" in found else "values"]
    names = labels or [str(place) for place in range(len(numbers))]
    outputs = dict(zip(names, map(float, numbers), strict=True))
    lines = [found["labels"].decode() if "labels" in found else _in_words(outputs)]
    return Answer(outputs, [*lines, *_told(found.get("answered"), found.get("unlike_training"))])


def _of_saved(adapted: kzoo.Adapted) -> Trial:
    form = MODALITIES[adapted.preprocessor.modality].explained
    _refuse_numbers(form)
    return Trial(adapted.card.name, form, True, lambda given: _ask_saved(adapted, given))


def _ask_saved(adapted: kzoo.Adapted, given: str) -> Answer:
    (found,) = adapted.predict([given])
    if found.error is not None:
        return Answer({}, [f"It could not be read: {found.error}."])
    label = ", ".join(found.label) if isinstance(found.label, tuple) else found.label
    lines = [str(label) if get_task_kind(adapted.kind).has_labels else _in_words(found.outputs)]
    lines += _told(found.answered, found.unlike_training)
    figure = None
    try:
        drawn = io.BytesIO()
        adapted.explain([given]).plot().savefig(drawn, format="png", bbox_inches="tight", dpi=120)
        figure = drawn.getvalue()
    except (ImportError, ValueError) as error:
        lines.append(f"No explanation: {error}")
    nearest: list[tuple[bytes | None, str]] = []
    try:
        nearest = _nearest(adapted, given)
    except (OSError, ValueError) as error:
        lines.append(f"No training examples: {error}")
    return Answer(found.outputs, lines, figure, nearest)


def _nearest(adapted: kzoo.Adapted, given: str) -> list[tuple[bytes | None, str]]:
    train, modality = adapted.splits().train, adapted.preprocessor.modality
    found = adapted.neighbors([given], min(NEAREST, len(train)))
    small = thumbnails_of(train.columns[modality], modality)
    rows = zip(found.indices[0].tolist(), found.labels[0], found.similarities[0].tolist(), found.found[0], strict=True)
    return [(small and small(place), f"{label} ({near:.2f}): {name}") for place, label, near, name in rows]


def _in_words(outputs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in outputs.items())


def _told(answered: object, unlike: object) -> list[str]:
    """The verdict of the limits on an answer, where the model has limits."""
    lines = ["The model is not sure enough to answer."] if answered is not None and not answered else []
    return [*lines, *(["This input is unlike anything in training."] if unlike else [])]
