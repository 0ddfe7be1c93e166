"""`Adapted.explain`: which parts of some inputs an output rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kzoo.data.loader import Loader
from kzoo.data.modalities import MODALITIES
from kzoo.results.explanation.explanations import Explanation, Explanations, Unreadable
from kzoo.results.explanation.image_maps import draw_images, explain_images
from kzoo.results.explanation.mel_saliency import draw_recordings, explain_recordings
from kzoo.results.explanation.subject import Subject, subject_of
from kzoo.results.explanation.text_words import draw_texts, explain_texts
from kzoo.results.explanation.value_saliency import draw_arrays, explain_arrays

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kzoo.results.adapted import Adapted

AT_A_TIME = 8
"""Inputs whose activations are held in memory: gradients need those of all layers."""


@dataclass(frozen=True)
class Form:
    """A form that explanations have.

    Args:
        explain: from a `Subject` to what makes explanations of values of a column, of the same as the network takes
            them, and of names.
        draw: from such explanations to a figure.
    """

    explain: Callable[[Subject], Callable[[np.ndarray, np.ndarray, Sequence[str]], Sequence[Explanation]]]
    # Each draws its own kind of explanation.
    draw: Callable[[Any], Figure]


FORMS: Mapping[str, Form] = {
    "pixels": Form(explain_images, draw_images),
    "words": Form(explain_texts, draw_texts),
    "spectrogram": Form(explain_recordings, draw_recordings),
    "numbers": Form(explain_arrays, draw_arrays),
}
"""By the name that `kzoo.data.seams.Modality.explained` has."""


def explain(adapted: Adapted, inputs: object, *, label: str | None) -> Explanations:
    """Explanations of some inputs; see `kzoo.results.adapted.Adapted.explain`."""
    subject = subject_of(adapted, label)
    modality = MODALITIES[subject.preprocessor.modality]
    if modality.choose:
        raise ValueError(
            "Examples of several inputs have no map of what mattered. Use evaluate(without=NAME), or predict without "
            "an input."
        )
    form = FORMS[modality.explained]
    column, names = modality.ask(inputs)
    if not len(column):
        raise ValueError(f"There are no {modality.noun}s to explain.")
    load, make = Loader(subject.preprocessor).load, form.explain(subject)
    items: list[Explanation] = []
    for start in range(0, len(column), AT_A_TIME):
        part = column[start : start + AT_A_TIME]
        examples, reasons = load(part)
        good = [index for index in range(len(part)) if index not in reasons]
        made = iter(make(part[good], examples, [names[start + index] for index in good]) if good else ())
        items += [
            Unreadable(names[start + index], reasons[index]) if index in reasons else next(made)
            for index in range(len(part))
        ]
    return Explanations(items, modality.noun, form.draw)
