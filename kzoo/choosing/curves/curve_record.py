"""`LearningCurves`: scores by the number of labels, measured and extrapolated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kzoo.choosing.yardstick import show_gain
from kzoo.core.figures import BLUE, GREY, ORANGE, panels, styled
from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.task_kinds.task_kind import TaskKind

LOOKS = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREY, "^", ":"), ("#009E73", "D", "-."), ("#CC79A7", "v", "-"))


@dataclass(frozen=True)
class LearningCurve:
    """The scores of one model's features by the number of training examples.

    Args:
        name: of the model.
        sizes: numbers of training examples, rising.
        scores: of a linear probe at each, out of fold, with 95% intervals.
        now: extrapolated score with all labels that there are.
        gain: what more labels would bring, extrapolated.
        doubled: what twice as many labels would bring.
    """

    name: str
    sizes: Sequence[int]
    scores: Sequence[Metric]
    now: Metric
    gain: Metric
    doubled: Metric


@dataclass(frozen=True, repr=False)
class LearningCurves:
    """Learning curves of several models on one task; an index or a name gives one.

    Args:
        curves: in the order of the models.
        kind: of the task.
        score: name of the score.
        size: labels that there are: examples of train and validation.
        more: additional labels that `LearningCurve.gain` is about.
        failed: name and reason of each model that has no curve.
    """

    curves: Sequence[LearningCurve]
    kind: TaskKind = field(repr=False)
    score: str
    size: int
    more: int
    failed: Sequence[tuple[str, str]] = ()

    def __len__(self) -> int:
        return len(self.curves)

    def __iter__(self) -> Iterator[LearningCurve]:
        return iter(self.curves)

    def __getitem__(self, which: int | str) -> LearningCurve:
        if isinstance(which, str):
            found = {each.name: each for each in self.curves}
            if which not in found:
                raise KeyError(f"There is no model {which!r}: {', '.join(found)}.")
            return found[which]
        return self.curves[which]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The expected gain of more labels, one sentence a model."""
        return tuple(
            f"{self.more:,} more labels would bring {each.name} {show_gain(self.kind, each.gain)}, "
            f"twice as many labels {show_gain(self.kind, each.doubled)}."
            for each in self.curves
        )

    def table(self) -> Table:
        """One row a model, one column a number of training examples."""
        sizes = sorted({size for each in self.curves for size in each.sizes})
        rows = []
        for each in self.curves:
            known = dict(zip(each.sizes, each.scores, strict=True))
            rows.append((each.name, *(str(known[size]) if size in known else "" for size in sizes)))
        title = f"{self.score} of a linear probe by the number of training examples, cross-validated"
        failed = [f"{name} has no curve: {reason}" for name, reason in self.failed]
        caveat = "Extrapolated by a power law. The intervals hold chance in the examples, not errors of the law."
        columns = ("model", *(f"{size:,}" for size in sizes))
        return Table(columns, rows, title=title, notes=(*self.sentences, caveat, *failed))

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        """The curves as plain values, for JSON."""
        curves = [
            {
                "name": each.name,
                "sizes": list(each.sizes),
                "scores": [vars(score) for score in each.scores],
                **{name: vars(getattr(each, name)) for name in ("now", "gain", "doubled")},
            }
            for each in self.curves
        ]
        named = {name: getattr(self, name) for name in ("score", "size", "more")}
        return {**named, "curves": curves, "failed": [list(each) for each in self.failed]}

    @styled
    def plot(self) -> Any:
        """The curves with their 95% intervals, and the scores with all labels and with more, (extra ``viz``)."""
        figure, (axis,) = panels(1, width=7.0, height=4.2, across=1)
        for each, (color, marker, line) in zip(self.curves, LOOKS * len(self.curves), strict=False):
            values = [score.value for score in each.scores]
            reach = [[s.value - s.low for s in each.scores], [s.high - s.value for s in each.scores]]
            axis.errorbar(
                each.sizes, values, yerr=reach, color=color, marker=marker, linestyle=line, capsize=3, label=each.name
            )
            gains = {self.size: 0.0, self.size + self.more: each.gain.value, 2 * self.size: each.doubled.value}
            ahead = [each.now.value + gains[size] for size in sorted(gains)]
            axis.plot(sorted(gains), ahead, color=color, marker=marker, fillstyle="none", linestyle=":")
        axis.set_xscale("log")
        ticks = sorted({size for each in self.curves for size in each.sizes} | {2 * self.size})
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set(
            title="Learning curve of frozen features (open marks: extrapolated)",
            xlabel="training examples",
            ylabel=f"{self.score}, with its 95% interval",
        )
        axis.legend()
        return figure
