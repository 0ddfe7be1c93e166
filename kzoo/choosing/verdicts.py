"""`verdict` says whether transfer helped: an adapted model against the same data without any earlier learning."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.choosing.alternatives import alternatives_of
from kzoo.choosing.interval_figure import intervals_of
from kzoo.choosing.task_verdicts import TaskVerdicts, judge_tasks
from kzoo.choosing.yardstick import difference, merits, resampled, score_name, show_gain
from kzoo.core.intervals import Metric
from kzoo.core.keywords import suggests_names
from kzoo.core.progress import ProgressBar
from kzoo.core.tables import Table
from kzoo.core.verbosity import verbosity
from kzoo.data.examples import Splits
from kzoo.results.adapted import Adapted
from kzoo.setup.model_source import ModelLike
from kzoo.setup.plan import random_state_kept
from kzoo.specs.phases import check_step_value
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

TRANSFER = "transfer"


@dataclass(frozen=True)
class Rival:
    """A model without earlier learning.

    Args:
        name: as ``"from scratch"``, ``"random features"``, ``"plain baseline"`` or ``"constant answer"``.
        score: on the test split, with its 95% interval; the mean over its runs.
        gain: how much better the adapted model is, with the 95% interval of a paired bootstrap.
        runs: with seeds of their own.
        seconds: of all its runs.
    """

    name: str
    score: Metric
    gain: Metric
    runs: int
    seconds: float


@dataclass(frozen=True, repr=False)
class Verdict:
    """An adapted model beside models without earlier learning, on the same splits.

    Args:
        model: name of the backbone.
        score: of the adapted model on the test split.
        rivals: the others.
        kind: of the task.
        size: test examples.
        notes: what a reader should know.
        transferred: whether the adapted model began with weights that were learned elsewhere.
    """

    model: str
    score: Metric
    rivals: Sequence[Rival]
    kind: TaskKind
    size: int
    notes: Sequence[str] = field(default=())
    transferred: bool = True

    @property
    def best_rival(self) -> Rival:
        """The best of the others: what transfer has to beat."""
        return min(self.rivals, key=lambda each: each.gain.value)

    @property
    def outcome(self) -> str:
        """``"helps"``, ``"hurts"`` or ``"no difference"``, by the interval of the gain over the best of the others."""
        gain = self.best_rival.gain
        return "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "no difference"

    @property
    def sentence(self) -> str:
        """The outcome with the gain."""
        told = {"helps": "transfer helps", "hurts": "transfer hurts", "no difference": "no difference"}[self.outcome]
        if not self.transferred:
            told = {"helps": f"{self.model} is better", "hurts": f"{self.model} is worse"}.get(self.outcome, told)
        rival = self.best_rival
        return f"{told}: {show_gain(self.kind, rival.gain)} against {rival.name}, the best of {len(self.rivals)} others"

    @property
    def _judged(self) -> str:
        """The name of what is compared with the rivals: transfer, or the network itself."""
        return TRANSFER if self.transferred else self.model

    def __iter__(self) -> Iterator[Rival]:
        return iter(self.rivals)

    def __getitem__(self, name: str) -> Rival:
        found = {each.name: each for each in self.rivals}
        if name not in found:
            raise KeyError(f"There is no {name!r}: {', '.join(found)}.")
        return found[name]

    def table(self) -> Table:
        """One row a model."""
        own = f"{TRANSFER} ({self.model})" if self.transferred else self.model
        rows: list[tuple[Any, ...]] = [(own, str(self.score), "", None, None)]
        rows += [
            (each.name, str(each.score), show_gain(self.kind, each.gain), each.runs, f"{each.seconds:.1f} s")
            for each in self.rivals
        ]
        columns = ("model", score_name(self.kind), f"gain of {self._judged}", "runs", "took")
        notes = (f"{self.size:,} test examples; gains are paired over them.", *self.notes)
        return Table(columns, rows, title=self.sentence, notes=notes)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Any:
        """The gain over each of the others, as a matplotlib figure (extra ``viz``)."""
        gains = {f"gain of {self._judged}": [each.gain for each in self.rivals]}
        label = f"gain in {score_name(self.kind)}"
        names = [each.name for each in self.rivals]
        return intervals_of(names, gains, title=self.sentence.split(" against ")[0], label=label, zero="no difference")


@suggests_names
def verdict(
    adapted: Adapted, *, model: ModelLike | None = None, seeds: int = 1, verbose: int = 1, seed: int = 0
) -> Verdict | TaskVerdicts:
    """Judges whether transfer helped, on the same splits as the adapted model.

    Of a model of several tasks (`kzoo.MultiTask`) it judges whether sharing helped: each task stands beside the same
    backbone adapted to it alone, with the same phases. `verdict` of one of its `tasks` is about transfer again.

    It is measured against four models that know nothing but these data:

    - from scratch: the same network with random weights, all of it trained, in as many gradient steps, at the rate of
      its card, or 1e-3;
    - random features: a linear probe on the same network with random weights;
    - a plain baseline: ``ngrams``, TF-IDF with logistic regression, for texts; for images a linear model of them
      shrunk to 16 x 16 cells; for recordings of the means and deviations of their log-mel bands;
    - a constant answer: the majority class, or the mean.

    For rows of a table the plain baseline is logistic or ridge regression, and gradient boosting and a support vector
    machine (scikit-learn's, with their defaults) stand beside it. From scratch is left out where the model itself began
    with random weights.

    All get what the adapted model gets: probes are solved again with the validation examples, and test-time
    augmentation is chosen on validation.

    Transfer helps where the 95% interval of its gain over the best of them lies above 0, and hurts where it lies below.
    The interval is that of a paired bootstrap over test examples (over groups), and over seeds where there are several.

    Args:
        adapted: with a test split.
        model: of several tasks: what `adapted` was adapted from; None: what its name in the catalog means.
        seeds: of one task: runs of the first two, with random weights of their own; an int in [1, inf). Training from
            scratch takes the longest.
        verbose: 0 shows no progress bars; 1 shows them.
        seed: of the first run and the bootstrap.

    Returns:
        A record whose `sentence` is as "transfer helps: +11.2 points (95%: 8.9 to 13.4) against from scratch". Of
        several tasks, one whose `table` has a row for each.

    Raises:
        ValueError: there is no test split, or the model is the plain baseline itself, or an ensemble; or the start
            weights of several tasks have no name, and `model` is None.
        TypeError: it is no `Adapted`.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> targets = np.arange(60) % 2
        >>> pixels = np.random.default_rng(0).integers(0, 99, (60, 8, 8, 3)) + 90 * targets[:, None, None, None]
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(inputs)))
        >>> adapted = kzoo.adapt(model, (pixels.astype("uint8"), targets), schedule="linear_probe", verbose=0)
        >>> kzoo.verdict(adapted, verbose=0).outcome
        'no difference'
    """
    seeds = int(check_step_value("seeds", seeds))
    if not isinstance(adapted, Adapted):
        raise TypeError(f"verdict takes an adapted model. Got a {type(adapted).__name__}.")
    if adapted.tasks:
        with random_state_kept(), verbosity(verbose):
            return judge_tasks(adapted, model=model, seed=seed)
    if adapted.card.is_sparse:
        raise ValueError(f"{adapted.card.name!r} is the plain baseline itself: nothing is transferred.")
    splits, kind = adapted.splits(), get_task_kind(adapted.kind)
    if not len(splits.test):
        raise ValueError("There is no test split (test=0) to judge on.")
    with random_state_kept(), verbosity(verbose):
        answers, seconds, failed = _ask(adapted, splits, range(seed, seed + seeds))
    own = adapted.outputs(splits.test)
    scores, gains = _weigh(kind, own, answers, splits, seed=seed)
    rivals = [Rival(name, scores[name], gains[name], len(runs), seconds[name]) for name, runs in answers.items()]
    score = kind.metrics(own, splits.test.targets, groups=splits.test.groups)
    transferred = adapted.record.weights is not None
    notes = [*([] if transferred else ["The model started from random weights: nothing was transferred."]), *failed]
    return Verdict(adapted.card.name, score[score_name(kind)], rivals, kind, len(splits.test), notes, transferred)


def _ask(
    adapted: Adapted, splits: Splits, seeds: range
) -> tuple[dict[str, list[np.ndarray]], dict[str, float], list[str]]:
    """Outputs on the test split of each run of each alternative, the seconds that they took, and what failed."""
    answers: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, float] = {}
    failed: list[str] = []
    seeded, settled = alternatives_of(adapted)
    with ProgressBar("verdict", unit="run", total=len(seeded) * len(seeds) + len(settled)) as bar:
        for name, alternative in (seeded | settled).items():
            started, found = time.perf_counter(), []
            for each in seeds if name in seeded else seeds[:1]:
                bar.state(name)
                try:
                    found.append(alternative(adapted, splits, each))
                except FloatingPointError:
                    failed.append(f"{name} diverged with seed {each}, and is judged without that run.")
                bar.update()
            seconds[name] = time.perf_counter() - started
            if found:
                answers[name] = found
    return answers, seconds, failed


def _weigh(
    kind: TaskKind, own: np.ndarray, answers: dict[str, list[np.ndarray]], splits: Splits, *, seed: int
) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """The score of each alternative, and the gain over it."""
    truth, groups, rng = splits.test.targets, splits.test.groups, np.random.default_rng(seed)
    runs = [own, *(outputs for each in answers.values() for outputs in each)]
    values = np.stack([merits(kind, each, truth) for each in runs], axis=1)
    means, place = resampled(values, groups=groups, seed=seed), 1
    scores: dict[str, Metric] = {}
    gains: dict[str, Metric] = {}
    for name, each in answers.items():
        columns = np.arange(place, place + len(each))
        place += len(each)
        # Seeds are drawn anew in each resample, as examples are.
        drawn = rng.choice(columns, size=(len(means), len(each)))
        rival = np.take_along_axis(means, drawn, axis=1).mean(axis=1)
        gains[name] = difference(values[:, 0] - values[:, columns].mean(axis=1), means[:, 0] - rival)
        found = [kind.metrics(outputs, truth, groups=groups)[score_name(kind)] for outputs in each]
        scores[name] = Metric(*(float(np.mean([getattr(m, end) for m in found])) for end in ("value", "low", "high")))
    return scores, gains
