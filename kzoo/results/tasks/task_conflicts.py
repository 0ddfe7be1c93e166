"""Whether tasks that share a backbone pull it the same way: gradients by group of layers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from kzoo.core.progress import ProgressBar
from kzoo.core.score_figures import group_cosines
from kzoo.core.tables import Table
from kzoo.data.file_changes import reading
from kzoo.data.loader import batches
from kzoo.models.stages import cut_into_stages
from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.task_kinds.multi_task_layers import MultiTaskLoss
from kzoo.training.task_gradients import GradientsOfTasks, TaskGradients

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kzoo.results.adapted import Adapted

BATCH, MOST = 32, 256
"""Examples of a batch, and in all."""


@dataclass(frozen=True, repr=False)
class TaskConflicts:
    """Cosines between the gradients of each two tasks, in each group of shared layers.

    Near 1, what helps one task helps the other; near 0, they do not concern each other; below 0, they pull against each
    other (arXiv:2001.06782).

    Args:
        tasks: their names.
        groups: what was measured, by group of layers, from the input to the head.
        examples: on how many training examples.
    """

    tasks: Sequence[str]
    groups: Mapping[str, GradientsOfTasks]
    examples: int

    def cosine(self, group: str, task: str, other: str) -> float:
        """That of two tasks, in a group of layers."""
        return float(self.groups[group].cosines[self.tasks.index(task), self.tasks.index(other)])

    def table(self) -> Table:
        """A row for each group and pair of tasks."""
        rows = []
        for group, found in self.groups.items():
            for one, other in combinations(range(len(self.tasks)), 2):
                measured = found.by_batch[:, one, other]
                measured = measured[np.isfinite(measured)]
                against = f"{int((measured < 0).sum())} of {len(measured)}"
                rows.append((group, f"{self.tasks[one]}, {self.tasks[other]}", found.cosines[one, other], against))
        title = f"gradients of {len(self.tasks)} tasks on {self.examples} training examples"
        return Table(("group", "tasks", "cosine", "batches against"), rows, title=title)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Figure:
        """The cosines by group, a line for each pair of tasks."""
        pairs = list(combinations(self.tasks, 2))
        lines = {f"{a}, {b}": [self.cosine(group, a, b) for group in self.groups] for a, b in pairs}
        return group_cosines(list(self.groups), lines)


def measure_conflicts(adapted: Adapted, *, examples: int = MOST) -> TaskConflicts:
    """See `kzoo.results.adapted.Adapted.conflicts`."""
    kind = get_task_kind(adapted.kind)
    if not kind.parts:
        raise ValueError(f"Conflicts are between several tasks, and this is a model of one ({adapted.kind}).")
    if not isinstance(examples, int) or examples < 1:
        raise ValueError(f"examples must be an int in [1, inf). Got {examples!r}.")
    train = adapted.splits().train
    rows = np.random.default_rng(adapted.record.seed).permutation(len(train))[:examples]
    # In random order: sets of several tasks stand one after the other.
    chosen = train.take(rows)
    targets = kind.as_rows(chosen.targets, len(adapted.labels))
    if adapted.scale is not None:
        targets = (targets - np.asarray(adapted.scale[0])) / np.asarray(adapted.scale[1])
    layers = {stage.name: stage.layers for stage in cut_into_stages(adapted.backbone)}
    with _all_trainable(adapted.network):
        variables = {
            name: [variable for layer in own for variable in getattr(layer, "trainable_variables", ())]
            for name, own in layers.items()
        }
        gradients = TaskGradients(adapted.network, MultiTaskLoss(kind.parts, 0.0).by_task, variables)
    column = chosen.columns[adapted.preprocessor.modality]
    inputs = batches(column, preprocessor=adapted.preprocessor, batch_size=BATCH)
    with reading(chosen), ProgressBar("gradients of tasks", unit="example", total=len(rows)) as bar:
        found = gradients.measure(_with_targets(inputs, targets.astype(np.float32), bar))
    return TaskConflicts([part.name for part in kind.parts], found, len(rows))


def _with_targets(
    inputs: Iterable[np.ndarray], targets: np.ndarray, bar: ProgressBar
) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    done = 0
    for batch in inputs:
        own = targets[done : done + len(batch)]
        yield tf.convert_to_tensor(batch), tf.constant(own), tf.ones(len(own))
        done += len(own)
        bar.update(len(own))


@contextlib.contextmanager
def _all_trainable(model: keras.Model) -> Iterator[None]:
    """Within it, `trainable_variables` of a layer are those that could train."""
    before = [(layer, layer.trainable) for layer in model.layers]
    try:
        for layer in model.layers:
            layer.trainable = True
        yield
    finally:
        for layer, trainable in before:
            layer.trainable = trainable
