"""Figures, by matplotlib (extra ``viz``), in one style that can be read in black and white."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

ACROSS = 6
"""Images side by side in a grid."""

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"
"""Of Okabe and Ito's colours, which differ in lightness too; lines also differ in dashes and markers."""

# matplotlib types its keys one by one (3.10), which a plain dict does not meet.
STYLE: Any = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "0.9",
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 9,
}

TRAIN: dict[str, Any] = {"color": BLUE, "linestyle": "-", "marker": "o", "label": "train"}
VALIDATION: dict[str, Any] = {"color": ORANGE, "linestyle": "--", "marker": "s", "label": "validation"}


@dataclass(frozen=True)
class PictureAxes:
    """The axes of an image that has some, such as a spectrogram.

    Args:
        x: label of the horizontal axis.
        y: label of the vertical axis.
        width: value at the right edge; the left edge is 0.
        ticks: marks of the vertical axis: place from 0 (bottom) to 1 (top), and text.
    """

    x: str
    y: str
    width: float
    ticks: Sequence[tuple[float, str]]


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """`draw` in kzoo's style. The figure is closed: a notebook shows a returned figure itself, and not twice.

    Raises:
        ImportError: matplotlib is not installed.
    """

    @functools.wraps(draw)
    def drawn(*arguments: P.args, **options: P.kwargs) -> Figure:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError('Figures need matplotlib: pip install "kzoo[viz]"') from error
        with plt.rc_context(STYLE):
            figure = draw(*arguments, **options)
            plt.close(figure)
        return figure

    return drawn


def panels(count: int, *, width: float, height: float, across: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels or more, each of some inches, and its axes."""
    import matplotlib.pyplot as plt

    columns = min(count, across)
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    return figure, list(axes.flat)


@styled
def curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Loss and accuracy over the epochs of all phases. A linear probe has no epochs: it is a horizontal line.

    With fewer than two epochs there is no curve, and the figure shows the numbers as text.

    Args:
        history: a dict of logs for each epoch; that of a probe has no ``loss``. A phase begins where ``epoch`` is 0.
    """
    epochs = [row for row in history if "loss" in row]
    if len(epochs) < 2:
        return _words([_sentence(row) for row in history] or ["There are no epochs to show."])
    with_accuracy = any("val_accuracy" in row for row in history)
    figure, axes = panels(1 + with_accuracy, width=4.6, height=3.2, across=2)
    for axis, title, name in zip(axes, ("Loss", "Accuracy"), ("loss", "accuracy"), strict=False):
        for look, key in ((TRAIN, name), (VALIDATION, f"val_{name}")):
            if any(key in row for row in epochs):
                axis.plot(range(1, len(epochs) + 1), [row.get(key, math.nan) for row in epochs], **look)
        probes = [row[f"val_{name}"] for row in history if "loss" not in row and f"val_{name}" in row]
        _mark(axis.axhline, probes, linestyle="-.", label="linear probe, validation")
        starts = [place + 0.5 for place, row in enumerate(epochs) if row["epoch"] == 0 and place]
        _mark(axis.axvline, starts, linestyle=":", linewidth=1, label="next phase")
        axis.locator_params(axis="x", integer=True)
        axis.set(title=title, xlabel="epoch", ylabel=name)
        axis.legend()
    return figure


def _mark(draw: Callable[..., object], values: Sequence[float], *, label: str, **look: float | str) -> None:
    """Lines with one entry in the legend, from which labels that begin with _ are left out."""
    for number, value in enumerate(values):
        draw(value, color=GREY, label="_" if number else label, **look)


def _sentence(row: Mapping[str, float]) -> str:
    start = f"Epoch {row['epoch'] + 1}" if "loss" in row else "Linear probe (no epochs)"
    names = {"loss": "training loss", "val_loss": "validation loss", "val_accuracy": "validation accuracy"}
    return f"{start}: {', '.join(f'{names[name]} {row[name]:.3f}' for name in names if name in row)}"


def _words(lines: Sequence[str]) -> Figure:
    figure, (axis,) = panels(1, width=6.4, height=0.3 + 0.3 * len(lines), across=1)
    axis.axis("off")
    axis.text(0, 0.5, "\n".join(lines), va="center", linespacing=1.6)
    return figure


@styled
def course(rows: Sequence[Mapping[str, float]], *, title: str) -> Figure:
    """Loss and, where there is one, the accuracy of a probe over the steps of a run.

    Args:
        rows: logs of each look, with ``step``.
        title: of the figure.
    """
    names = {"loss": "training loss", "probe": "accuracy of a linear probe"}
    points = {name: [(row["step"], row[name]) for row in rows if name in row] for name in names}
    drawn = [name for name in names if len(points[name]) > 1]
    if not drawn:
        said = [f"{names[name]} {value:.3f} at step {step:,}" for name in names for step, value in points[name]]
        return _words([f"{title}: {', '.join(said) or 'no step was evaluated'}"])
    figure, axes = panels(len(drawn), width=4.6, height=3.2, across=2)
    for axis, name in zip(axes, drawn, strict=True):
        axis.plot(*zip(*points[name], strict=True), color=BLUE, marker="o")
        axis.set(title=names[name].capitalize(), xlabel="step", ylabel=name if name == "loss" else "accuracy")
    figure.suptitle(title, fontsize=11)
    return figure


@styled
def grid(images: np.ndarray, titles: Sequence[str], *, axes: PictureAxes | None = None) -> Figure:
    """Images or spectrograms side by side.

    Args:
        images: (N, H, W, 3) or (N, H, W, 1), in 0..255.
        titles: one each; long ones are wrapped.
        axes: labels and marks of the axes; None: axes are not drawn.
    """
    if axes is not None:
        return _spectrograms(images, titles, axes)
    figure, places = panels(max(len(images), 1), width=1.55, height=1.9, across=ACROSS)
    for place in places:
        place.axis("off")
    for place, image, title in zip(places, images, titles, strict=False):
        place.imshow(np.clip(image, 0, 255).astype(np.uint8).squeeze(), cmap="gray", vmin=0, vmax=255)
        place.set_title(_wrapped(title, 20), fontsize=9)
    return figure


def _spectrograms(images: np.ndarray, titles: Sequence[str], axes: PictureAxes) -> Figure:
    figure, places = panels(max(len(images), 1), width=3.1, height=2.3, across=3)
    for place in places[len(images) :]:
        place.axis("off")
    for number, (place, image, title) in enumerate(zip(places, images, titles, strict=False)):
        extent = (0, axes.width, 0, 1)
        place.imshow(image[..., 0], cmap="magma", vmin=0, vmax=255, aspect="auto", extent=extent)
        place.grid(False)
        place.set_title(_wrapped(title, 40), fontsize=9)
        place.set_yticks([at for at, _ in axes.ticks], [text for _, text in axes.ticks])
        if number % 3 == 0:
            place.set_ylabel(axes.y)
        if number + 3 >= len(images):
            place.set_xlabel(axes.x)
    return figure


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters: of a longer one the end, which tells paths apart.

    Example:
        >>> shortened("photos/summer/0012.jpg", 12)
        '…er/0012.jpg'
    """
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _wrapped(title: str, width: int) -> str:
    return "\n".join(piece for line in title.split("\n") for piece in textwrap.wrap(line, width) or [""])
