"""Plots of examples as the network gets them, and the names of targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from kzoo.core import figures
from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES
from kzoo.data.own_augmentation import check_own, own_augmentation
from kzoo.data.seams import Preprocessor, Reader
from kzoo.specs.phases import OWN, check_augmentation
from kzoo.task_kinds.kind_registry import get_task_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kzoo.results.adapted import Adapted


def show(
    examples: Examples,
    titles: Sequence[str],
    preprocessor: Preprocessor,
    *,
    augmentation: str | keras.layers.Layer | Callable[..., object] = "none",
    seed: int = 0,
) -> Figure:
    """Images, or spectrograms with their axes, as a matplotlib figure.

    Args:
        examples: what to show.
        titles: one each.
        preprocessor: the backbone's.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``, a Keras layer, or a callable on one
            example. Examples are not mixed with each other.
        seed: of the augmentation.

    Raises:
        ValueError: there is no augmentation of that name, or the user's fails on the first example.
        TypeError: it is none of these.
    """
    if not len(examples):
        return figures.grid(np.zeros((0, 1, 1, 3)), [])
    modality = MODALITIES[preprocessor.modality]
    column = examples.columns[modality.name]
    if isinstance(augmentation, str):
        check_augmentation(augmentation)
        name, own = augmentation, None
    else:
        name, own = OWN, own_augmentation(augmentation)
        check_own(own, modality, column, preprocessor)
    reader = modality.reader(column, preprocessor, digests=examples.digests, seed=seed, own=own)
    drawn = _draw(reader, len(examples), name)
    images = np.stack([image for image, _ in drawn])
    return figures.grid(images, [titles[index] for _, index in drawn], axes=getattr(preprocessor, "axes", None))


def _draw(reader: Reader, count: int, augmentation: str) -> list[tuple[np.ndarray, int]]:
    """Images of one shape, and the examples' places; of several inputs, some examples may have none.

    Raises:
        TypeError: no example can be drawn.
    """
    drawn: list[tuple[np.ndarray, int]] = []
    for index in range(count):
        try:
            drawn.append((reader.image(index, augmentation), index))
        except TypeError:
            if index == count - 1 and not drawn:
                raise
    return [each for each in drawn if each[0].shape == drawn[0][0].shape]


def title_targets(kind: str, targets: np.ndarray, *, labels: Sequence[str]) -> list[str]:
    """Targets as text, one line each."""
    names = get_task_kind(kind).name_targets(targets, labels)
    return [name if isinstance(name, str) else ", ".join(name) for name in names]


def show_batch(
    adapted: Adapted, *, augmentation: str | keras.layers.Layer | Callable[..., object], count: int
) -> Figure:
    """Some training examples; see `kzoo.results.adapted.Adapted.plot_batch`."""
    train = adapted.splits().train
    chosen = train.take(np.linspace(0, len(train) - 1, count).astype(int))
    titles = title_targets(adapted.kind, chosen.targets, labels=adapted.labels)
    return show(chosen, titles, adapted.preprocessor, augmentation=augmentation, seed=adapted.record.seed)


def show_mistakes(adapted: Adapted, *, count: int) -> Figure:
    """The worst mistakes on the test split; see `kzoo.results.adapted.Adapted.plot_mistakes`."""
    test = adapted.splits().test
    rows = adapted.evaluate().worst(count).rows
    chosen = test.take([list(test.names).index(row[0]) for row in rows])
    return show(chosen, [f"{row[1]}, predicted as\n{row[2]} ({row[3]:.0%})" for row in rows], adapted.preprocessor)
