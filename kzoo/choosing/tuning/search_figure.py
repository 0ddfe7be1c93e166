"""The figure of a search: what its trials reached, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kzoo.core.figures import BLUE, GREY, ORANGE, panels, styled


@dataclass(frozen=True)
class Point:
    """The score of a trial.

    Args:
        seconds: of the search when it ended.
        loss: on validation.
        score: on validation; None where it was ended early.
        complete: whether it went to its end.
    """

    seconds: float
    loss: float | None
    score: float | None
    complete: bool


@styled
def search_figure(points: Sequence[Point], kept: Point, *, score: str, title: str) -> Any:
    """Loss and score of trials against seconds; the line is that of the lowest loss so far.

    Args:
        points: of the trials, in their order; the first is the default.
        kept: the trial that is kept.
        score: name of the score.
        title: of the figure.
    """
    figure, axes = panels(2, width=4.8, height=3.4, across=2)
    complete = [each for each in points if each.complete and each.loss is not None]
    early = [each for each in points if not each.complete]
    best: list[Point] = []
    for each in complete:
        best.append(each if not best or (each.loss or 0) < (best[-1].loss or 0) else best[-1])
    for axis, name, label in zip(
        axes, ("loss", "score"), ("loss on validation", f"{score} on validation"), strict=True
    ):
        values = [getattr(each, name) for each in complete]
        axis.plot([each.seconds for each in complete], values, linestyle="", marker="o", color=BLUE, label="trial")
        if name == "loss" and early:
            at, reached = [each.seconds for each in early], [each.loss or 0.0 for each in early]
            axis.plot(at, reached, linestyle="", marker="x", color=GREY, label="ended early, its last loss")
        steps = [getattr(each, name) for each in best]
        axis.step([each.seconds for each in complete], steps, where="post", color=BLUE, label="lowest loss so far")
        axis.axhline(getattr(points[0], name), color=GREY, linestyle="--", linewidth=1, label="default recipe")
        look = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "color": ORANGE, "linestyle": ""}
        axis.plot([kept.seconds], [getattr(kept, name)], label="kept", **look)
        axis.set(xlabel="seconds", ylabel=label)
        axis.set_xlim(0, 1.05 * max(each.seconds for each in points))
    axes[1].legend(handles=axes[0].get_legend_handles_labels()[0], loc="upper left", bbox_to_anchor=(1, 1))
    figure.suptitle(title, fontsize=11)
    return figure
