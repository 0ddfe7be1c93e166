"""Figures of how good predictions are: a confusion matrix, scores by label, truth against prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kzoo.core.figures import BLUE, GREY, ORANGE, panels, styled
from kzoo.core.intervals import Metric
from kzoo.core.tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WITH_SHARES, WITH_COUNTS = 10, 25
"""Classes up to which a confusion matrix writes shares below counts, and counts at all."""

MOST_NAMES = 40
SLANTED = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}

MOST_LABELS = 30
MOST_VALUES = 3


@styled
def matrix(confusion: np.ndarray, labels: Sequence[str]) -> Figure:
    """A confusion matrix: a row per true class, coloured by its share of the row. Empty cells stay empty.

    Args:
        confusion: int (K, K), rows the truth.
        labels: K names.
    """
    count, totals = len(labels), confusion.sum(axis=1)
    shares = confusion / np.maximum(totals[:, None], 1)
    side = min(2.6 + 0.55 * count, 9.0)
    figure, (axis,) = panels(1, width=side + 1.0, height=side, across=1)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.grid(False)
    # With many classes only some names are drawn.
    named = range(0, count, math.ceil(count / MOST_NAMES))
    short = count <= 6 and max(map(len, labels), default=0) <= 8
    axis.set_xticks(named, [labels[each] for each in named], **({} if short else SLANTED))
    axis.set_yticks(named, [f"{labels[each]} ({totals[each]:,})" for each in named])
    if count <= WITH_COUNTS:
        _write_cells(axis, confusion, shares)
    right = int(np.trace(confusion))
    axis.set(
        title=f"Confusion matrix: {right:,} of {totals.sum():,} correct", xlabel="predicted", ylabel="true (examples)"
    )
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.7)
    return figure


def _write_cells(axis: Axes, confusion: np.ndarray, shares: np.ndarray) -> None:
    for row, column in np.argwhere(confusion):
        text = f"{confusion[row, column]:,}"
        if len(confusion) <= WITH_SHARES:
            text += f"\n{shares[row, column]:.0%}"
        colour = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


@styled
def label_scores(rows: Sequence[Row]) -> Figure:
    """F1 of each label as a bar, with precision and recall as marks; the best label on top.

    Args:
        rows: label, precision, recall, F1, number of examples. Of many labels, the `MOST_LABELS` lowest are drawn.
    """
    ordered = sorted(rows, key=lambda row: row[3])[:MOST_LABELS]
    places = range(len(ordered))
    figure, (axis,) = panels(1, width=6.4, height=1.4 + 0.28 * len(ordered), across=1)
    axis.barh(places, [row[3] for row in ordered], height=0.6, color="0.8", label="F1")
    axis.plot([row[1] for row in ordered], places, color=BLUE, marker="D", linestyle="", label="precision")
    axis.plot(
        [row[2] for row in ordered],
        places,
        color=ORANGE,
        marker="o",
        linestyle="",
        markerfacecolor="white",
        markersize=6,
        label="recall",
    )
    axis.set_yticks(places, [f"{row[0]} ({row[4]:,})" for row in ordered])
    axis.grid(False, axis="y")
    shown = f": the {len(ordered)} lowest of {len(rows):,}" if len(ordered) < len(rows) else ""
    axis.set(
        title=f"Scores by label{shown}",
        xlabel="score at a probability of 0.5",
        ylabel="label (examples)",
        xlim=(-0.02, 1.02),
    )
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


@styled
def against_truth(truth: np.ndarray, outputs: np.ndarray, labels: Sequence[str]) -> Figure:
    """Prediction against truth, and residuals, of each value of a regression.

    Args:
        truth: float (N, values).
        outputs: float (N, values).
        labels: names of the values, of which the first `MOST_VALUES` are drawn.
    """
    count = min(len(labels), MOST_VALUES)
    figure, axes = panels(2 * count, width=4.3, height=3.6, across=2)
    dots = {"s": 14, "alpha": float(np.clip(30 / len(truth) ** 0.5, 0.25, 0.8)), "color": BLUE, "linewidths": 0}
    for number in range(count):
        left, right = axes[2 * number : 2 * number + 2]
        true, found = truth[:, number], outputs[:, number]
        ends = [min(true.min(), found.min()), max(true.max(), found.max())]
        left.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label="perfect")
        left.scatter(true, found, **dots)
        left.set(title=f"{labels[number]}: prediction against truth", xlabel="true value", ylabel="predicted value")
        left.legend(loc="upper left")
        right.axhline(0, color=GREY, linestyle="--", linewidth=1)
        right.scatter(found, found - true, **dots)
        right.set(title=f"{labels[number]}: residuals", xlabel="predicted value", ylabel="predicted - true")
    if count < len(labels):
        figure.suptitle(f"The first {count} of {len(labels)} values", fontsize=11)
    return figure


@styled
def task_scores(scores: Mapping[str, Metric]) -> Figure:
    """A metric of each task, a panel each, with its 95% interval.

    Args:
        scores: by the name of task and metric.
    """
    figure, axes = panels(len(scores), width=6.0, height=1.2, across=1)
    for axis, (name, metric) in zip(axes, scores.items(), strict=True):
        reach = [[metric.value - metric.low], [metric.high - metric.value]]
        axis.barh([0], [metric.value], height=0.5, color=BLUE)
        axis.errorbar([metric.value], [0], xerr=reach, linestyle="", color=GREY, capsize=3)
        axis.set_yticks([])
        axis.set_ylim(-0.6, 0.6)
        axis.set_title(f"{name}: {metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]", loc="left")
    return figure


@styled
def group_cosines(groups: Sequence[str], lines: Mapping[str, Sequence[float]]) -> Figure:
    """Cosines between gradients in each group of layers, a line for each pair of tasks.

    Args:
        groups: from the input to the head.
        lines: by the names of two tasks, as many as there are groups.
    """
    figure, (axis,) = panels(1, width=max(6.0, 0.8 * len(groups)), height=3.6, across=1)
    axis.axhline(0, color=GREY, linestyle="--", linewidth=1)
    for name, cosines in lines.items():
        axis.plot(range(len(groups)), cosines, marker="o", label=name)
    axis.set_xticks(range(len(groups)), groups, rotation=30 if len(groups) > 6 else 0)
    axis.set(title="Do the tasks pull the same way?", xlabel="group of layers", ylabel="cosine of gradients")
    axis.legend()
    return figure
