"""`Ranking`: candidates in the order of what their frozen features give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kzoo.choosing.interval_figure import intervals_of
from kzoo.core.intervals import Metric
from kzoo.core.tables import Table

SURE = 0.95


@dataclass(frozen=True)
class Candidate:
    """The scores of one model's frozen features.

    Args:
        name: of the model.
        model: as it was given: what `kzoo.adapt` takes.
        probe: score of a linear probe, cross-validated.
        neighbors: score of nearest neighbours, cross-validated.
        first: in which share of bootstrap resamples the mean of both scores is the best.
        imagenet: published ImageNet top-1 accuracy in [0, 1], or None.
        log_me: log of the maximum evidence, by example (arXiv:2102.11005).
        h_score: H-score (arXiv:2212.10082).
        parameters: of the frozen part.
        milliseconds: for an example, in a batch of 8, on this machine.
        seconds: what this candidate took.
        seen: scored examples whose labels its weights were trained or selected on.
    """

    name: str
    model: Any = field(repr=False)
    probe: Metric
    neighbors: Metric
    first: float
    imagenet: float | None
    log_me: float
    h_score: float
    parameters: int
    milliseconds: float
    seconds: float
    seen: int = 0


@dataclass(frozen=True, repr=False)
class Ranking:
    """Candidates, the best first; an index, a slice or a name gives one.

    Args:
        candidates: in the order of the mean of both scores.
        score: name of the score.
        size: examples that were scored: training and validation.
        folds: of the cross-validation.
        failed: name and reason of each model that could not be ranked.
    """

    candidates: Sequence[Candidate]
    score: str
    size: int
    folds: int
    failed: Sequence[tuple[str, str]] = ()

    @property
    def best(self) -> Candidate:
        """The first of them; `kzoo.adapt(ranking.best.model, task)` trains it."""
        return self.candidates[0]

    @property
    def sentence(self) -> str:
        """How sure the order is."""
        if len(self.candidates) < 2:
            return f"{self.best.name} is the only candidate."
        second = max(self.candidates[1:], key=lambda each: each.first)
        told = f"{self.best.name} is first in {_percent(self.best.first)} of resamples"
        if self.best.first >= SURE:
            return f"{told}."
        return f"{told}, {second.name} in {_percent(second.first)}: they are not told apart."

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def __getitem__(self, which: int | str) -> Candidate:
        if isinstance(which, str):
            found = {each.name: each for each in self.candidates}
            if which not in found:
                raise KeyError(f"There is no candidate {which!r}: {', '.join(found)}.")
            return found[which]
        return self.candidates[which]

    def table(self) -> Table:
        """One row a candidate."""
        columns = (
            *("model", f"{self.score} (probe)", f"{self.score} (k-NN)", "first", "ImageNet", "LogME", "H-score"),
            *("parameters", "ms", "s"),
        )
        rows = [
            (
                *(each.name, str(each.probe), str(each.neighbors), _percent(each.first), each.imagenet),
                *(each.log_me, each.h_score, f"{each.parameters / 1e6:.1f} M"),
                *(f"{each.milliseconds:.2f}", f"{each.seconds:.1f}"),
            )
            for each in self.candidates
        ]
        title = f"{len(self)} candidates, {self.size:,} examples of train and validation, {self.folds} folds"
        return Table(columns, rows, title=title, notes=self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """How sure the order is, and what a reader should know."""
        seen = [
            f"WARNING: {each.name} was trained or selected on {each.seen:,} of the {self.size:,} examples: its scores "
            "are too high."
            for each in self.candidates
            if each.seen
        ]
        failed = [f"{name} could not be ranked: {reason}" for name, reason in self.failed]
        counted = [f"{len(failed)} of {len(failed) + len(self)} models could not be ranked."] if len(failed) > 1 else []
        return (*seen, self.sentence, *counted, *failed)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        """The ranking as plain values, for JSON."""
        return {
            "score": self.score,
            "size": self.size,
            "candidates": [_plain(each) for each in self.candidates],
            "failed": [list(each) for each in self.failed],
            "sentence": self.sentence,
        }

    def plot(self) -> Any:
        """Scores with their 95% intervals, as a matplotlib figure (extra ``viz``)."""
        series = {
            "linear probe": [each.probe for each in self.candidates],
            "nearest neighbours": [each.neighbors for each in self.candidates],
        }
        title = f"{self.folds}-fold cross-validation of frozen features"
        return intervals_of([each.name for each in self.candidates], series, title=title, label=self.score)


def _plain(candidate: Candidate) -> dict[str, Any]:
    values = {name: value for name, value in vars(candidate).items() if name != "model"}
    pairs = {name: vars(value) if isinstance(value, Metric) else value for name, value in values.items()}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in pairs.items()}


def _percent(share: float) -> str:
    return f"{share:.0%}"
