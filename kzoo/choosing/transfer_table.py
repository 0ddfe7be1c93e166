"""`transfer_table` says which earlier task helps which: cross-task transfer between all pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kzoo.choosing.ranking import score_candidates
from kzoo.choosing.yardstick import difference, resampled, show_gain
from kzoo.core.figures import panels, styled
from kzoo.core.intervals import Metric
from kzoo.core.keywords import suggests_names
from kzoo.core.tables import Table
from kzoo.results.adapted import Adapted
from kzoo.task_kinds.task_kind import TaskKind

START = "as it was"
"""Name of the model before any of the tasks."""


@dataclass(frozen=True)
class TransferCell:
    """How much an earlier task helps a later one.

    Args:
        earlier: name of the task that the model was adapted to before.
        later: name of the task that its frozen features are scored on.
        score: of a linear probe on these features, cross-validated.
        gain: this score less that of the model as it was, paired.
        kind: of the later task.
    """

    earlier: str
    later: str
    score: Metric
    gain: Metric
    kind: TaskKind = field(repr=False)


@dataclass(frozen=True, repr=False)
class TransferTable:
    """The gains of all pairs of tasks; ``table["a", "b"]`` is what task a brings task b.

    Args:
        names: of the tasks.
        cells: one for each pair of different tasks.
        starts: the score on each task of the model as it was.
    """

    names: Sequence[str]
    cells: Sequence[TransferCell]
    starts: Mapping[str, Metric]

    def __getitem__(self, pair: tuple[str, str]) -> TransferCell:
        for each in self.cells:
            if (each.earlier, each.later) == tuple(pair):
                return each
        raise KeyError(f"There is no pair {pair!r} of two different tasks: {', '.join(self.names)}.")

    @property
    def sentences(self) -> tuple[str, ...]:
        """For each later task, which earlier task helps it most."""
        told = []
        for name in self.names:
            cells = [each for each in self.cells if each.later == name]
            best = max(cells, key=lambda each: each.gain.value)
            gain = show_gain(best.kind, best.gain)
            if best.gain.low > 0:
                told.append(f"{name}: {best.earlier} before it helps most: {gain}.")
            elif max(each.gain.high for each in cells) < 0:
                told.append(f"{name}: every earlier task hurts; {best.earlier} least: {gain}.")
            else:
                told.append(f"{name}: no earlier task clearly helps; {best.earlier} is the best: {gain}.")
        return tuple(told)

    def table(self) -> Table:
        """One row an earlier task, one column a later one."""
        rows: list[tuple[str, ...]] = [(START, *(str(self.starts[name]) for name in self.names))]
        for earlier in self.names:
            gains = [
                "" if earlier == later else show_gain(self[earlier, later].kind, self[earlier, later].gain)
                for later in self.names
            ]
            rows.append((f"after {earlier}", *gains))
        title = "Linear probes on frozen features, cross-validated: the score as it was, and what earlier tasks add"
        return Table(("model", *self.names), rows, title=title, notes=self.sentences)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def as_dict(self) -> dict[str, Any]:
        """The gains as plain values, for JSON."""
        cells = [
            {"earlier": each.earlier, "later": each.later, "score": vars(each.score), "gain": vars(each.gain)}
            for each in self.cells
        ]
        return {"names": list(self.names), "cells": cells, "starts": {key: vars(v) for key, v in self.starts.items()}}

    @styled
    def plot(self) -> Any:
        """The gains as a matrix, earlier tasks in rows (extra ``viz``)."""
        names, size = list(self.names), len(self.names)
        figure, (axis,) = panels(1, width=2.5 + 1.1 * size, height=1.8 + 0.7 * size, across=1)
        values = np.full((size, size), np.nan)
        for each in self.cells:
            values[names.index(each.earlier), names.index(each.later)] = each.gain.value
        most = max(float(np.nanmax(np.abs(values))), 1e-9)
        axis.imshow(values, cmap="PuOr", vmin=-most, vmax=most)
        for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
            gain = self[names[int(row)], names[int(column)]].gain
            weight = "bold" if gain.low > 0 or gain.high < 0 else "normal"
            axis.text(column, row, f"{gain.value:+.3f}", ha="center", va="center", fontweight=weight)
        axis.set_xticks(range(size), names)
        axis.set_yticks(range(size), names)
        axis.grid(False)
        title = "What an earlier task adds to the score (bold: clearly)"
        axis.set(title=title, xlabel="later task", ylabel="earlier task")
        return figure


@suggests_names
def transfer_table(
    tasks: Mapping[str, Any], models: Mapping[str, Adapted], start: Any, *, verbose: int = 1, seed: int = 0
) -> TransferTable:
    """Which earlier task helps which: the features of each adapted model, scored on every other task.

    Each score is that of a linear probe, as in `kzoo.rank`, in cross-validation over training and validation examples;
    no test split is looked at. Differences from the model as it was are paired over the examples, with an interval from
    a bootstrap over examples or groups.

    Args:
        tasks: two or more, by name; or their data, for Classifications. All of one modality.
        models: what `kzoo.adapt` made of each, by the same names.
        start: the model that all of them started from, as of `kzoo.rank`.
        verbose: 0 shows no progress bar; 1 shows one.
        seed: of the folds and the bootstrap.

    Returns:
        The gain of each pair.

    Raises:
        ValueError: there are fewer than two tasks, or a model is missing.

    Example:
        >>> import kzoo, keras, numpy as np
        >>> pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype("uint8")
        >>> inputs = keras.Input((8, 8, 3))
        >>> net = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="net")
        >>> tasks = {"odd": (pixels, np.arange(60) % 2), "half": (pixels, np.arange(60) // 30)}
        >>> models = {name: kzoo.adapt(net, data, schedule="linear_probe", verbose=0) for name, data in tasks.items()}
        >>> kzoo.transfer_table(tasks, models, net, verbose=0)["odd", "half"].gain.value  # a probe changes no feature
        0.0
    """
    if len(tasks) < 2:
        raise ValueError(f"A transfer table needs two tasks or more. Got {len(tasks)}.")
    if missing := sorted(set(tasks) - set(models)):
        raise ValueError(f"models must have what kzoo.adapt made of each task. Missing: {', '.join(missing)}.")
    cells, starts = [], {}
    for later, task in tasks.items():
        named = {START: start, **{f"after {name}": models[name] for name in tasks if name != later}}
        scored, found, _ = score_candidates(task, named, strict=True, verbose=verbose, seed=seed)
        kind = scored.kind
        probes = [found[name][1][:, 0] for name in named]
        values = np.stack(probes, axis=1)
        means = resampled(values, groups=scored.groups, seed=seed)
        starts[later] = found[START][0].probe
        for place, name in enumerate([each for each in tasks if each != later], start=1):
            gain = difference(values[:, place] - values[:, 0], means[:, place] - means[:, 0])
            cells.append(TransferCell(name, later, found[f"after {name}"][0].probe, gain, kind))
    return TransferTable(list(tasks), cells, starts)
