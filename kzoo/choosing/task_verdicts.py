"""Whether tasks gain by sharing a backbone: each beside the same backbone adapted to it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kzoo.choosing.alternatives import train_untested
from kzoo.choosing.comparison import side_by_side
from kzoo.choosing.interval_figure import intervals_of
from kzoo.choosing.yardstick import score_name, show_gain
from kzoo.core.intervals import Metric
from kzoo.core.progress import ProgressBar
from kzoo.core.tables import Table
from kzoo.results.adapted import Adapted
from kzoo.results.record import task_like
from kzoo.setup.model_source import ModelLike
from kzoo.setup.prepare import prepare
from kzoo.specs.registry import cards
from kzoo.specs.schedule import Schedule
from kzoo.specs.training_options import TrainingOptions
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind

TOGETHER, ALONE = "together", "alone"


@dataclass(frozen=True)
class SharedTask:
    """One of several tasks, trained together with the others and alone.

    Args:
        name: of the task.
        kind: of the task.
        together: score on the test examples that have its target, with its 95% interval.
        alone: the same of the backbone adapted to this task alone.
        gain: how much better it is together, with the 95% interval of a paired bootstrap over test examples.
        size: test examples.
        seconds: that the training alone took.
    """

    name: str
    kind: TaskKind
    together: Metric
    alone: Metric
    gain: Metric
    size: int
    seconds: float

    @property
    def outcome(self) -> str:
        """``"sharing helps"``, ``"sharing hurts"`` or ``"no difference"``, by the interval of the gain."""
        low, high = self.gain.low, self.gain.high
        return "sharing helps" if low > 0 else "sharing hurts" if high < 0 else "no difference"


@dataclass(frozen=True, repr=False)
class TaskVerdicts:
    """Several tasks, each beside the same backbone adapted to it alone, on the same splits.

    Args:
        tasks: in their order.
        model: name of the backbone.
        seconds: that the training of all together took.
    """

    tasks: Sequence[SharedTask]
    model: str
    seconds: float

    def __iter__(self) -> Iterator[SharedTask]:
        return iter(self.tasks)

    def __getitem__(self, name: str) -> SharedTask:
        found = {task.name: task for task in self.tasks}
        if name not in found:
            raise KeyError(f"There is no task {name!r}: {', '.join(found)}.")
        return found[name]

    def table(self) -> Table:
        """One row a task."""
        rows = [
            (
                task.name,
                score_name(task.kind),
                str(task.together),
                str(task.alone),
                show_gain(task.kind, task.gain),
                task.outcome,
                task.size,
                f"{task.seconds:.1f} s",
            )
            for task in self.tasks
        ]
        columns = ("task", "score", TOGETHER, ALONE, "gain of sharing", "outcome", "test examples", "took alone")
        took = (
            f"Training together took {self.seconds:.1f} s. The trainings alone had the frozen activations that it "
            "left in the cache."
        )
        notes = ("Gains are paired over test examples.", took)
        return Table(columns, rows, title=f"{self.model}, tasks together and alone", notes=notes)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Any:
        """The gain of sharing of each task, as a matplotlib figure (extra ``viz``)."""
        names = [f"{task.name} ({score_name(task.kind)})" for task in self.tasks]
        gains = {"gain of sharing": [task.gain for task in self.tasks]}
        return intervals_of(names, gains, title="Tasks together and alone", label="gain", zero="no difference")


def judge_tasks(adapted: Adapted, *, model: ModelLike | None = None, seed: int = 0) -> TaskVerdicts:
    """Adapts the backbone to each task alone, with the same phases, head and splits, and compares.

    Args:
        adapted: of several tasks, with a test split.
        model: what it was adapted from; None: what the name of its card means.
        seed: of the trainings and the bootstrap.

    Raises:
        ValueError: a task has no test examples, or the start weights have no name and `model` is None.
    """
    splits = adapted.splits()
    # An earlier task whose head was kept may have no training examples here: nothing was shared with it.
    parts = [part for part in get_task_kind(adapted.kind).parts if part.known(splits.train.targets).any()]
    untested = [part.name for part in parts if not part.known(splits.test.targets).any()]
    if untested:
        raise ValueError(f"There are no test examples (test=0) of {', '.join(untested)} to judge on.")
    if model is None and adapted.card.name not in cards():
        raise ValueError(
            f"{adapted.card.name!r} is not in the catalog, so its start weights are not known. Pass model=, what was "
            "given to kzoo.adapt."
        )
    found = []
    with ProgressBar("verdict", unit="task", total=len(parts)) as bar:
        for part in parts:
            bar.state(f"{part.name} alone")
            together = adapted.tasks[part.name]
            own = together.splits()
            prepared = prepare(
                model or adapted.card.name,
                task_like(together.record.task, (), kind=part.kind.name),
                options=TrainingOptions(schedule=Schedule(tuple(each.phase for each in adapted.record.phases))),
                # A model that is given brings those that a record calls its own.
                weights="auto" if model is not None and adapted.record.weights == "own" else adapted.record.weights,
                head=adapted.head,
                size=adapted.preprocessor.size,
                resize=getattr(adapted.preprocessor, "resize", None),
                strategy="one",
                seed=seed,
                splits=own,
            )
            alone = train_untested(prepared, seed)
            seconds = sum(each.seconds for each in alone.record.phases)
            outputs = {TOGETHER: together.outputs(own.test), ALONE: alone.outputs(own.test)}
            compared = side_by_side(part.kind, outputs, own.test, seed=seed)
            scores = dict(compared)
            gain = compared.difference(TOGETHER, ALONE)
            found.append(
                SharedTask(part.name, part.kind, scores[TOGETHER], scores[ALONE], gain, len(own.test), seconds)
            )
            bar.update()
    return TaskVerdicts(found, adapted.card.name, sum(each.seconds for each in adapted.record.phases))
