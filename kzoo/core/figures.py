"""Figures, by matplotlib (extra ``viz``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ACROSS = 6


def curves(history: Sequence[Mapping[str, Any]]) -> Any:
    """Loss and accuracy over all epochs of all phases; a new phase begins where ``epoch`` is 0 again.

    Args:
        history: a dict of logs for each epoch.
    """
    with_accuracy = any("val_accuracy" in row for row in history)
    figure, axes = _figure(1 + with_accuracy, width=5.0, height=3.2, across=2)
    epochs = range(1, len(history) + 1)
    for axis, names in zip(axes, (("loss", "val_loss"), ("val_accuracy",)), strict=False):
        for name in names:
            values = [row.get(name, math.nan) for row in history]
            axis.plot(epochs, values, marker="o", markersize=3, label=name)
        for position, row in enumerate(history, start=1):
            if row["epoch"] == 0 and position > 1:
                axis.axvline(position - 0.5, color="grey", linewidth=0.8, linestyle=":")
        axis.set_xlabel("epoch, all phases")
        axis.legend(frameon=False)
    return _done(figure)


def course(rows: Sequence[Mapping[str, Any]], *, title: str) -> Any:
    """Loss and, where there is one, the accuracy of a probe over the steps of a run.

    Args:
        rows: logs of each look, with ``step``.
        title: of the figure.
    """
    names = [name for name in ("loss", "probe") if any(name in row for row in rows)]
    figure, axes = _figure(len(names), width=5.0, height=3.2, across=2)
    for axis, name in zip(axes, names, strict=True):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axis.plot(*zip(*points, strict=True), marker="o", markersize=3)
        axis.set_xlabel("step")
        axis.set_ylabel("accuracy of a linear probe" if name == "probe" else name)
    figure.suptitle(title, fontsize=10)
    return _done(figure)


def grid(pictures: np.ndarray, titles: Sequence[str]) -> Any:
    """Pictures side by side.

    Args:
        pictures: (N, H, W, 3) or (N, H, W, 1), in 0..255.
        titles: one each.
    """
    figure, axes = _figure(max(len(pictures), 1), width=2.0, height=2.3, across=ACROSS)
    for axis in axes:
        axis.axis("off")
    for axis, picture, title in zip(axes, pictures, titles, strict=False):
        axis.imshow(np.clip(picture, 0, 255).astype(np.uint8).squeeze(), cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=8)
    return _done(figure)


def matrix(confusion: np.ndarray, labels: Sequence[str]) -> Any:
    """A confusion matrix: rows the truth, coloured by share of the row.

    Args:
        confusion: int (K, K).
        labels: K names.
    """
    count = len(labels)
    side = min(3.0 + 0.45 * count, 14.0)
    figure, (axis,) = _figure(1, width=side, height=side, across=1)
    axis.imshow(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(count), labels, rotation=90)
    axis.set_yticks(range(count), labels)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if count <= 20:
        for row, column in np.ndindex(count, count):
            dark = confusion[row, column] > 0.5 * confusion[row].sum()
            colour = "white" if dark else "black"
            axis.text(column, row, confusion[row, column], ha="center", va="center", color=colour, fontsize=8)
    return _done(figure)


def _figure(count: int, *, width: float, height: float, across: int) -> tuple[Any, list[Any]]:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('Figures need matplotlib: pip install "kzoo[viz]"') from error
    columns = min(count, across)
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), dpi=72, squeeze=False)
    return figure, list(axes.flat)


def _done(figure: Any) -> Any:
    """Lays out, and closes: a notebook shows a returned figure by itself, and not twice."""
    import matplotlib.pyplot as plt

    figure.tight_layout()
    plt.close(figure)
    return figure
