"""`Tuning`: the trials of a search, what it found, and what finding it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.choosing.tuning.search_figure import Point, search_figure
from kzoo.choosing.yardstick import show_gain
from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.results.adapted import Adapted
from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.selection import WeightsState, is_surely_better

COMPLETE, PRUNED, FAILED = "complete", "ended early", "failed"
"""States of a trial."""

SHOWN = 20
"""Trials that a table shows: the best, and the default."""


@dataclass(frozen=True)
class Trial:
    """One configuration and what validation says of it.

    Args:
        number: from 0, the default recipe.
        params: ``train``, ``epochs``, ``learning_rate``, ``augmentation``, ``dropout`` and ``hidden``; empty for a
            default that is no such configuration.
        state: ``"complete"``, ``"ended early"`` at a rung, or ``"failed"``.
        seconds: that it took.
        loss: mean loss on validation, after temperature scaling (see `kzoo.training.selection`), by which trials are
            compared; of one that was ended early, the last that is known; of one that failed, None.
        score: on validation, of a complete trial.
        reason: why it failed, or "".
        rungs: its loss at each rung that it reached.
        noted: what the search keeps of it.
        losses: of each validation example, of a complete trial, float64 (N,).
        hits: 1 for a right and 0 for a wrong answer, (N,); None for a regression, and if nothing was learned.
        merits: what each validation example adds to the score, float64 (N,).
    """

    number: int
    params: Mapping[str, Any]
    state: str
    seconds: float
    loss: float | None = None
    score: Metric | None = None
    reason: str = ""
    rungs: Mapping[int, float] = field(default_factory=dict)
    noted: Mapping[str, Any] = field(default_factory=dict, repr=False)
    losses: np.ndarray | None = field(default=None, repr=False, compare=False)
    hits: np.ndarray | None = field(default=None, repr=False, compare=False)
    merits: np.ndarray | None = field(default=None, repr=False, compare=False)

    def beats(self, other: Trial) -> bool:
        """Whether it is better than another on validation, beyond chance.

        Its loss is lower by more than one standard error of the paired difference, or it has more right answers by more
        than two; and the other has not.
        """
        if self.losses is None or other.losses is None:
            return False
        ours = WeightsState(self.losses, {}, sound=True, hits=self.hits)
        theirs = WeightsState(other.losses, {}, sound=True, hits=other.hits)
        return is_surely_better(ours, theirs)


@dataclass(frozen=True, repr=False)
class Tuning:
    """The result of a search.

    Args:
        adapted: the model with the best configuration, or with the default one where none is better.
        best: what it was made with: `kzoo.adapt(model, task, **tuning.best)` makes it again.
        trials: all of them; the first is the default recipe.
        chosen: the number of the trial that is kept.
        kind: of the task.
        score: name of the score.
        size: validation examples.
        test_size: test examples; 0 where there is no test split.
        test: the score on the test split.
        default_test: that of the default recipe.
        gain: how much better it is than the default recipe on the test split, with the 95% interval of a paired
            bootstrap; None where it is the default, or without a test split.
        optimism: how much higher the score of the chosen trial is on validation than on the test split, with its 95%
            interval: what its selection has added.
        importance: the share of the variance of the loss that each parameter explains; empty with fewer than eight
            complete trials.
        seconds: that the search took, in all its sessions.
        stopped: whether Ctrl-C ended the search.
    """

    adapted: Adapted
    best: Mapping[str, Any]
    trials: Sequence[Trial]
    chosen: int
    kind: TaskKind
    score: str
    size: int
    test_size: int
    test: Metric | None
    default_test: Metric | None
    gain: Metric | None
    optimism: Metric | None
    importance: Mapping[str, float]
    seconds: float
    stopped: bool = False

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __getitem__(self, number: int) -> Trial:
        return self.trials[number]

    @property
    def sentence(self) -> str:
        """The best trial, in one sentence."""
        if not self.chosen:
            others = [each for each in self.trials[1:] if each.state == COMPLETE]
            if not others:
                return "The default recipe is kept: no other trial was completed."
            return "The default recipe is kept: no trial beats it by more than one standard error on validation."
        told = f"Trial {self.chosen} beats the default recipe on validation"
        if self.gain is None:
            return f"{told}. There is no test split to measure it on."
        sure = "" if self.gain.low > 0 else "; the interval holds 0" if self.gain.high >= 0 else "; it is worse there"
        return f"{told}; on the test split: {show_gain(self.kind, self.gain)}{sure}."

    @property
    def cost(self) -> tuple[str, ...]:
        """The cost of the search: its seconds, and how much selection has added to the score on validation."""
        default = self.trials[0].seconds
        counts = {state: sum(each.state == state for each in self.trials) for state in (COMPLETE, PRUNED, FAILED)}
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        lines = [f"{len(self)} trials ({told}) took {self.seconds:.0f} s; the default recipe alone {default:.0f} s."]
        if self.optimism is not None and self._kept.score is not None:
            reached = f"Trial {self.chosen} has {self.score} {self._kept.score.value:.3f} on validation"
            lines.append(f"{reached}; less that on the test split: {show_gain(self.kind, self.optimism)}.")
        return tuple(lines)

    @property
    def notes(self) -> tuple[str, ...]:
        """The best trials, their cost, the parameters that matter, and the failures."""
        failed = [f"Trial {each.number} failed: {each.reason}" for each in self.trials if each.state == FAILED]
        ordered = sorted(self.importance.items(), key=lambda pair: -pair[1])
        weighed = ", ".join(f"{name} {share:.0%}" for name, share in ordered)
        complete = sum(each.state == COMPLETE and bool(each.params) for each in self.trials)
        return (
            self.sentence,
            *self.cost,
            *([f"Importance (fANOVA, {complete} complete trials): {weighed}."] if weighed else []),
            *(["Ctrl-C ended the search."] if self.stopped else []),
            *failed,
        )

    @property
    def _kept(self) -> Trial:
        return self.trials[self.chosen]

    def table(self) -> Table:
        """One row a trial, the best first; of many trials the first `SHOWN`, and the default."""
        order = {COMPLETE: 0, PRUNED: 1, FAILED: 2}
        ranked = sorted(self.trials, key=lambda each: (order[each.state], each.loss or 0.0, each.number))
        shown = [each for place, each in enumerate(ranked) if place < SHOWN or not each.number]
        more = [f"{len(ranked) - len(shown)} more trials are in tuning.trials."] if len(shown) < len(ranked) else []
        columns = ("trial", *_PARAMS.values(), "loss", self.score, "state", "s")
        title = f"{len(self)} trials, compared by their loss on {self.size:,} validation examples"
        return Table(columns, [self._row(each) for each in shown], title=title, notes=(*more, *self.notes))

    def _row(self, trial: Trial) -> tuple[Any, ...]:
        marks = [*(["default"] if not trial.number else []), *(["kept"] if trial.number == self.chosen else [])]
        name = f"{trial.number} ({', '.join(marks)})" if marks else str(trial.number)
        params = [_shown(trial.params.get(key)) for key in _PARAMS]
        score = "" if trial.score is None else str(trial.score)
        return (name, *params, trial.loss, score, trial.state, f"{trial.seconds:.1f}")

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        """The search as plain values, for JSON."""
        names = ("chosen", "score", "size", "test_size", "seconds", "stopped", "sentence")
        metrics = ("test", "default_test", "gain", "optimism")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: None if getattr(self, name) is None else vars(getattr(self, name)) for name in metrics},
            "importance": dict(self.importance),
            "best": {name: repr(value) for name, value in self.best.items()},
            "trials": [
                {
                    "number": each.number,
                    "params": dict(each.params),
                    "state": each.state,
                    "loss": each.loss,
                    "score": each.score and vars(each.score),
                    "seconds": each.seconds,
                    "reason": each.reason,
                }
                for each in self.trials
            ],
        }

    def plot(self) -> Any:
        """Loss and score of the trials against the seconds of the search, as a matplotlib figure (extra ``viz``)."""
        spent = np.cumsum([each.seconds for each in self.trials]).tolist()
        points = [
            Point(at, each.loss, each.score.value if each.score else None, each.state == COMPLETE)
            for at, each in zip(spent, self.trials, strict=True)
            if each.loss is not None
        ]
        kept = spent[self.chosen], self._kept.loss, self._kept.score.value if self._kept.score else None
        return search_figure(points, Point(*kept, True), score=self.score, title=self.sentence.split(";")[0])


_PARAMS = {
    "train": "unfrozen",
    "epochs": "epochs",
    "learning_rate": "rate",
    "augmentation": "augmentation",
    "dropout": "dropout",
    "hidden": "hidden",
}
"""Parameters and the columns that show them."""


def _shown(value: object) -> object:
    return f"{value:.2g}" if isinstance(value, float) else value
