"""`compare` puts adapted models side by side on the same test examples, with paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.choosing.interval_figure import intervals_of
from kzoo.choosing.yardstick import difference, merits, resampled, score_name, show_gain
from kzoo.core.intervals import Metric
from kzoo.core.keywords import suggests_names
from kzoo.core.tables import Table
from kzoo.data.examples import Examples
from kzoo.results.adapted import Adapted
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.task_kind import TaskKind


@dataclass(frozen=True, repr=False)
class Comparison:
    """Models on the same test examples.

    Args:
        names: of the models, as they were given.
        scores: of each, with its 95% interval.
        kind: of the task.
        size: test examples.
        values: what each example adds to each score, float64 (N, models).
        means: scores over bootstrap resamples of the examples, or of their groups, float64 (R, models).
    """

    names: Sequence[str]
    scores: Sequence[Metric]
    kind: TaskKind
    size: int
    values: np.ndarray = field(repr=False)
    means: np.ndarray = field(repr=False)

    @property
    def best(self) -> str:
        """The name of the model with the best score."""
        return self.names[int(self.values.mean(axis=0).argmax())]

    def difference(self, one: str, other: str) -> Metric:
        """How much better `one` is than `other`, with the 95% interval of a paired bootstrap."""
        first, second = self._place(one), self._place(other)
        gaps = self.values[:, first] - self.values[:, second]
        return difference(gaps, self.means[:, first] - self.means[:, second])

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, Metric]]:
        return iter(zip(self.names, self.scores, strict=True))

    def __getitem__(self, name: str) -> Metric:
        return self.scores[self._place(name)]

    def table(self) -> Table:
        """One row a model: its score, and how far it is from the first and from the best."""
        first, best = self.names[0], self.best
        rows = [
            (name, str(score), self._told(name, first), *(() if best == first else (self._told(name, best),)))
            for name, score in self
        ]
        columns = ("model", score_name(self.kind), f"against {first}", *(() if best == first else (f"against {best}",)))
        title = f"{len(self)} models on the same {self.size:,} test examples"
        return Table(columns, rows, title=title, notes=("Differences are paired; the intervals hold 95%.",))

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Any:
        """Scores with their 95% intervals, as a matplotlib figure (extra ``viz``)."""
        label = score_name(self.kind)
        return intervals_of(self.names, {"test": self.scores}, title="The same test examples", label=label)

    def _told(self, name: str, other: str) -> str:
        return "" if name == other else show_gain(self.kind, self.difference(name, other))

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise KeyError(f"There is no model {name!r}: {', '.join(self.names)}.")
        return list(self.names).index(name)


@suggests_names
def compare(models: Sequence[Adapted] | Mapping[str, Adapted], *, seed: int = 0) -> Comparison:
    """Compares adapted models on the test examples that they have in common.

    Every difference is paired: it is taken example by example, so that it is known far better than either score.

    Args:
        models: two or more, adapted to the same data with the same splits; or a dict of them by name.
        seed: of the bootstrap.

    Returns:
        Scores and paired differences, each with a 95% interval.

    Raises:
        ValueError: there are fewer than two, or their tasks, labels or test splits differ, or there is no test split.
        TypeError: one is no `Adapted`.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
        >>> adapted = kzoo.adapt(model, (pixels, np.arange(60) % 2), schedule="linear_probe", verbose=0)
        >>> found = kzoo.compare({"one": adapted, "the same": adapted})
        >>> found.difference("one", "the same").value
        0.0
    """
    named = dict(models) if isinstance(models, Mapping) else _numbered(list(models))
    if len(named) < 2:
        raise ValueError(f"compare needs two models or more. Got {len(named)}.")
    for name, model in named.items():
        if not isinstance(model, Adapted):
            raise TypeError(f"compare takes adapted models. {name!r} is a {type(model).__name__}.")
    _check_alike(named)
    examples = next(iter(named.values())).splits().test
    if not len(examples):
        raise ValueError("There is no test split (test=0) to compare on.")
    outputs = {name: model.outputs(examples) for name, model in named.items()}
    kind = get_task_kind(next(iter(named.values())).kind)
    return side_by_side(kind, outputs, examples, seed=seed)


def side_by_side(kind: TaskKind, outputs: Mapping[str, np.ndarray], examples: Examples, *, seed: int) -> Comparison:
    """Outputs of several models, (N, outputs) each, on the same examples."""
    name, truth = score_name(kind), examples.targets
    scores = [kind.metrics(each, truth, groups=examples.groups)[name] for each in outputs.values()]
    values = np.stack([merits(kind, each, truth) for each in outputs.values()], axis=1)
    means = resampled(values, groups=examples.groups, seed=seed)
    return Comparison(list(outputs), scores, kind, len(examples), values, means)


def _numbered(models: Sequence[Any]) -> dict[str, Any]:
    """Models by the names of their cards, with a number where there are several of one name."""
    names = [model.card.name if isinstance(model, Adapted) else type(model).__name__ for model in models]
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    shown = [name if count == 1 else f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
    return dict(zip(shown, models, strict=True))


def _check_alike(models: Mapping[str, Adapted]) -> None:
    first, model = next(iter(models.items()))
    for name, other in models.items():
        differs = {
            "kind of task": model.kind != other.kind,
            "labels": list(model.labels) != list(other.labels),
            "modality": model.preprocessor.modality != other.preprocessor.modality,
        }
        if wrong := [what for what, is_other in differs.items() if is_other]:
            raise ValueError(f"{name!r} and {first!r} have not the same {wrong[0]}: they cannot be compared.")
        if model.record.fingerprint != other.record.fingerprint:
            sizes = [each.record.sizes.get("test", 0) for each in (model, other)]
            raise ValueError(
                f"The test splits of {first!r} ({sizes[0]:,} examples) and {name!r} ({sizes[1]:,}) differ: adapt both "
                "to the same task, with the same seed of the split. What start weights have seen changes it too."
            )
