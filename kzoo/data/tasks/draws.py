"""How often the examples of several data sets are drawn, by the size of each set."""

from __future__ import annotations

import numpy as np

from kzoo.specs.task import MultiTask
from kzoo.task_kinds.task_kind import TaskKind


def draws_of(tasks: MultiTask, kind: TaskKind, targets: np.ndarray) -> np.ndarray | None:
    """How often an epoch has each training example, on average, float64 (N,), of mean 1; None: each once.

    A data set of n examples is drawn in proportion to ``n ** (1 / temperature)``. What is in several sets is drawn for
    each; what is in none, as an example of an earlier task, is a set of its own.

    Args:
        tasks: with their temperature.
        kind: of the tasks.
        targets: of training, float32 (N, outputs), NaN where one is missing.
    """
    if tasks.temperature == 1:
        return None
    sets = [np.zeros(len(targets), bool) for _ in tasks.by_data()]
    for members, own in zip(sets, tasks.by_data(), strict=True):
        for part in kind.parts:
            if part.name in own:
                members |= part.known(targets)
    others = ~np.any(sets, axis=0)
    sets = [each for each in [*sets, others] if each.any()]
    if len(sets) < 2:
        return None
    draws = np.zeros(len(targets))
    for members in sets:
        draws[members] += members.sum() ** (1 / tasks.temperature - 1)
    return draws / draws.mean()
