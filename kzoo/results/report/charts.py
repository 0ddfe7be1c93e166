"""Charts of a report as small SVG, which inherits the colours of its page, light or dark."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.evaluation.abstention import Abstention
from kzoo.results.report.reliability import Reliability

WIDTH, HEIGHT = 380, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 46

MOST_DOTS = 800
"""Examples of a scatter plot; of more, evenly spaced ones are drawn."""


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Args:
        label: below or beside it.
        low: value at its beginning.
        high: at its end.
        ticks: values that are marked.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float]


SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability_chart(found: Reliability) -> str:
    """The share of right answers against their probability, with 95% intervals; exact ones lie on the dashed line."""
    x, y = Axis(f"probability of {found.what}", 0, 1, SHARES), Axis("share that is right", 0, 1, SHARES)
    marks = [_line([(0, 0), (1, 1)], x, y, "guide")]
    most = max(each.count for each in found.bins)
    for each in found.bins:
        # The area of a dot shows how many answers it stands for.
        radius = 2.5 + 5 * (each.count / most) ** 0.5
        place, share = each.confidence, each.share
        said = f"{each.count:,} answers: probability {place:.2f}, right {share.value:.2f}"
        marks.append(_line([(place, share.low), (place, share.high)], x, y, "interval"))
        marks.append(_dot(place, share.value, x, y, look="mark", radius=radius, said=said))
    said = "; ".join(f"{each.confidence:.2f}: {each.share.value:.2f}" for each in found.bins)
    return _frame(x, y, marks, title=f"Share of right answers by probability. {said}")


def coverage_chart(found: Abstention) -> str:
    """Accuracy of the answers against the share of examples that are answered, with the chosen thresholds."""
    low = float(np.floor(min(found.accuracy.min(), 0.95) * 10) / 10)
    ticks = [float(tick) for tick in np.linspace(low, 1, 5)]
    x, y = Axis("share of the examples that are answered", 0, 1, SHARES), Axis("accuracy of the answers", low, 1, ticks)
    marks = [_line(list(zip(found.coverage.tolist(), found.accuracy.tolist(), strict=True)), x, y, "curve")]
    for each in found.points:
        if each.accuracy is not None:
            said = f"{each.target:.0%}: {each.coverage.value:.0%} answered at {each.accuracy.value:.1%}"
            marks.append(_dot(each.coverage.value, max(each.accuracy.value, low), x, y, look="mark", said=said))
    ends = f"{found.accuracy[-1]:.1%} of all answers are right"
    return _frame(x, y, marks, title=f"Accuracy by the share of examples that are answered. {ends}")


def truth_chart(truth: np.ndarray, outputs: np.ndarray, *, label: str) -> str:
    """Predictions against true values, (N,) each; perfect ones lie on the dashed line."""
    ends = float(min(truth.min(), outputs.min())), float(max(truth.max(), outputs.max()))
    x, y = _axis(f"true {label}", *ends), _axis(f"predicted {label}", *ends)
    marks = [_line([(x.low, x.low), (x.high, x.high)], x, y, "guide"), *_dots(truth, outputs, x, y)]
    return _frame(x, y, marks, title=f"Predicted against true {label}")


def residual_chart(truth: np.ndarray, outputs: np.ndarray, *, label: str) -> str:
    """Errors against predictions, (N,) each."""
    errors = outputs - truth
    x = _axis(f"predicted {label}", float(outputs.min()), float(outputs.max()))
    y = _axis("predicted - true", min(float(errors.min()), 0), max(float(errors.max()), 0))
    marks = [_line([(x.low, 0), (x.high, 0)], x, y, "guide"), *_dots(outputs, errors, x, y)]
    return _frame(x, y, marks, title=f"Errors of {label} against its predictions")


def _dots(across: np.ndarray, up: np.ndarray, x: Axis, y: Axis) -> list[str]:
    places = np.linspace(0, len(across) - 1, min(len(across), MOST_DOTS)).astype(int)
    return [_dot(float(across[place]), float(up[place]), x, y, look="dot", radius=2.5) for place in places]


def _axis(label: str, low: float, high: float) -> Axis:
    """An axis that ends at round numbers."""
    span = high - low or abs(high) or 1.0
    step = 10 ** np.floor(np.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = np.floor(low / step), np.ceil(high / step)
    last += first == last
    ticks = [float(tick * step) for tick in np.arange(first, last + 1)]
    return Axis(label, ticks[0], ticks[-1], ticks)


def _x(value: float, axis: Axis) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (value - axis.low) / (axis.high - axis.low)


def _y(value: float, axis: Axis) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - axis.low) / (axis.high - axis.low)


def _line(points: Sequence[tuple[float, float]], x: Axis, y: Axis, look: str) -> str:
    places = " ".join(f"{_x(across, x):.1f},{_y(max(up, y.low), y):.1f}" for across, up in points)
    return f'<polyline class="{look}" points="{places}"/>'


def _dot(across: float, up: float, x: Axis, y: Axis, *, look: str, radius: float = 5.0, said: str = "") -> str:
    title = f"<title>{html.escape(said)}</title>" if said else ""
    return f'<circle class="{look}" cx="{_x(across, x):.1f}" cy="{_y(up, y):.1f}" r="{radius:.1f}">{title}</circle>'


def _frame(x: Axis, y: Axis, marks: Sequence[str], *, title: str) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for tick in x.ticks:
        parts.append(f'<line class="grid" x1="{_x(tick, x):.1f}" y1="{TOP}" x2="{_x(tick, x):.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{_x(tick, x):.1f}" y="{bottom + 16}" text-anchor="middle">{_said(tick)}</text>')
    for tick in y.ticks:
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{_y(tick, y):.1f}" x2="{right}" y2="{_y(tick, y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{_y(tick, y) + 4:.1f}" text-anchor="end">{_said(tick)}</text>')
    middle = f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x.label)}</text>'
    up = (TOP + bottom) / 2
    side = f'<text transform="translate(13 {up}) rotate(-90)" text-anchor="middle">{html.escape(y.label)}</text>'
    said = html.escape(title, quote=True)
    body = "".join([*parts, middle, side, *marks])
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{body}</svg>'


def _said(tick: float) -> str:
    return f"{tick:,.0f}" if abs(tick) >= 1000 else f"{tick:.4g}"
