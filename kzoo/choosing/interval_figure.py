"""A figure of numbers with their intervals, a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kzoo.core.figures import BLUE, GREY, ORANGE, panels, styled
from kzoo.core.intervals import Metric

LOOKS: tuple[dict[str, Any], ...] = ({"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "s"})


@styled
def intervals_of(
    names: Sequence[str],
    series: Mapping[str, Sequence[Metric]],
    *,
    title: str,
    label: str,
    zero: str = "",
) -> Any:
    """Values as marks and their 95% intervals as lines; the first name is on top.

    Args:
        names: of the lines.
        series: one or two values for each name, by what they are.
        title: of the figure.
        label: of the horizontal axis.
        zero: what a line at 0 means; "": there is none.
    """
    figure, (axis,) = panels(1, width=7.0, height=1.4 + 0.38 * len(names), across=1)
    for number, ((what, metrics), look) in enumerate(zip(series.items(), LOOKS, strict=False)):
        places = [place + 0.22 * (number - (len(series) - 1) / 2) for place in range(len(names))]
        values = [metric.value for metric in metrics]
        reach = [[m.value - m.low for m in metrics], [m.high - m.value for m in metrics]]
        axis.errorbar(values, places, xerr=reach, linestyle="", capsize=3, label=what, **look)
    if zero:
        axis.axvline(0, color=GREY, linestyle="--", linewidth=1, label=zero)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(False, axis="y")
    axis.set(title=title, xlabel=f"{label}, with its 95% interval")
    if len(series) > 1 or zero:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
