"""Examples that a report shows: mistakes, doubtful ones, and the image, text or sound of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES
from kzoo.results.plots import title_targets
from kzoo.task_kinds.task_kind import TaskKind

SHOWN = 12
"""Examples in a gallery, at most."""


@dataclass(frozen=True)
class Shown:
    """An example on a page.

    Args:
        name: of the example.
        caption: lines below it.
        media: media type of the excerpt, such as ``"image/jpeg"``; "" without one.
        content: the excerpt.
    """

    name: str
    caption: Sequence[str]
    media: str = ""
    content: bytes = b""

    @property
    def short_name(self) -> str:
        """The last two parts of a path; another name as it is."""
        parts = PurePath(self.name).parts
        return "/".join(parts[-2:]) if self.name.startswith("/") else self.name


def show_examples(
    examples: Examples, places: Sequence[int] | np.ndarray, captions: Sequence[Sequence[str]], *, modality: str
) -> tuple[Shown, ...]:
    """The first `SHOWN` of some examples, with an excerpt of each.

    Args:
        examples: where they are.
        places: of what to show.
        captions: lines for each.
        modality: name of the modality.
    """
    excerpt = MODALITIES[modality].excerpt
    found = []
    for place, caption in list(zip(places, captions, strict=True))[:SHOWN]:
        made = excerpt(examples.columns[modality][int(place)]) if excerpt else None
        media, content = made or ("", b"")
        found.append(Shown(examples.names[int(place)], tuple(caption), media, content))
    return tuple(found)


def surest_mistakes(kind: TaskKind, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Places of the wrong answers, the surest first; of values all answers, the largest error first."""
    scores = np.asarray(kind.example_scores(outputs, truth))
    if kind.confidence is None:
        return np.argsort(scores if kind.higher_is_better else -scores, kind="stable")
    wrong = np.flatnonzero(~scores.astype(bool))
    return wrong[np.argsort(-kind.confidence(outputs)[wrong], kind="stable")]


def most_doubtful(kind: TaskKind, outputs: np.ndarray) -> np.ndarray:
    """Places of the answers, right or wrong, the least sure first; none of values."""
    return np.zeros(0, int) if kind.confidence is None else np.argsort(kind.confidence(outputs), kind="stable")


def caption_answers(
    kind: TaskKind, outputs: np.ndarray, truth: np.ndarray, *, labels: Sequence[str], places: np.ndarray
) -> list[tuple[str, ...]]:
    """What each example is, and what the model answers, with its confidence."""
    right = title_targets(kind.name, truth[places], labels=labels)
    found = title_targets(kind.name, outputs[places], labels=labels)
    sure = [""] * len(places)
    if kind.confidence is not None:
        sure = [f" ({value:.0%})" for value in kind.confidence(outputs[places])]
    return [
        (f"is {one or 'none'}", f"answered {other or 'none'}{how}")
        for one, other, how in zip(right, found, sure, strict=True)
    ]
