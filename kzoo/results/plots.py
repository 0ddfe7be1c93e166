"""Plots of examples as the network gets them, and the names of targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kzoo.core import figures
from kzoo.data.examples import Examples
from kzoo.data.modalities import MODALITIES


def show(
    examples: Examples,
    titles: Sequence[str],
    preprocessor: Any,
    *,
    augmentation: str = "none",
    seed: int = 0,
) -> Any:
    """Images, or spectrograms with their axes, as a matplotlib figure.

    Args:
        examples: what to show.
        titles: one each.
        preprocessor: the backbone's.
        augmentation: ``"none"``, ``"light"``, ``"medium"`` or ``"strong"``; nothing is mixed.
        seed: of the augmentation.
    """
    if not len(examples):
        return figures.grid(np.zeros((0, 1, 1, 3)), [])
    modality = MODALITIES[preprocessor.modality]
    reader = modality.reader(examples.columns[modality.name], preprocessor, digests=examples.digests, seed=seed)
    pictures = np.stack([reader.picture(index, augmentation) for index in range(len(examples))])
    return figures.grid(pictures, titles, axes=getattr(preprocessor, "axes", None))


def title_targets(kind: str, targets: Any, *, labels: Sequence[str]) -> list[str]:
    """What to call targets in a line of text; see `name_targets`."""
    return [name if isinstance(name, str) else ", ".join(name) for name in name_targets(kind, targets, labels=labels)]


def name_targets(kind: str, targets: Any, *, labels: Sequence[str]) -> list[Any]:
    """What to call targets, or outputs, of some kind of task.

    Args:
        kind: of the task.
        targets: encoded targets (N,) or (N, outputs), or probabilities (N, K), or values.
        labels: names of the outputs.

    Returns:
        A label each; a tuple of those that are on; or the values, as text.
    """
    if kind == "classification":
        numbers = targets.argmax(axis=1) if targets.ndim == 2 else targets
        return [labels[int(number)] for number in numbers]
    if kind == "multi_label":
        return [tuple(label for label, value in zip(labels, row, strict=True) if value >= 0.5) for row in targets]
    return [", ".join(f"{value:.4g}" for value in row) for row in targets]
