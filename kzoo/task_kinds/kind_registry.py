"""All kinds of task, by name."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from kzoo.specs.task import MultiTask, Task
from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.kind_names import PREFIX, name_of, parts_for, parts_of
from kzoo.task_kinds.multi_label import MULTI_LABEL
from kzoo.task_kinds.multi_task import multi_task_kind
from kzoo.task_kinds.regression import REGRESSION
from kzoo.task_kinds.task_kind import TaskKind

TASK_KINDS: dict[str, TaskKind] = {kind.name: kind for kind in (CLASSIFICATION, MULTI_LABEL, REGRESSION)}
"""The rows, by the name that the `kind` of a task, and of a saved model, has."""


def get_task_kind(name: str) -> TaskKind:
    """The row of a kind of task.

    Args:
        name: the `kind` of a task.

    Raises:
        ValueError: there is none of that name.

    Example:
        >>> get_task_kind("multi_label").exclusive
        False
    """
    if name.startswith(PREFIX):
        parts, weighing = parts_of(name, get_task_kind)
        return multi_task_kind(parts, weighing=weighing)
    if name not in TASK_KINDS:
        raise ValueError(
            f"A kind of task must be one of {', '.join(TASK_KINDS)}, or registered with "
            f"kzoo.register_task_kind. Got {name!r}."
        )
    return TASK_KINDS[name]


def kind_of(task: Task | MultiTask, labels: Mapping[str, Sequence[str]]) -> TaskKind:
    """The kind of a task, or of several.

    Args:
        task: one or several.
        labels: names of the outputs of each of several.
    """
    if isinstance(task, Task):
        return get_task_kind(task.kind)
    parts = parts_for(task, labels, get_task_kind)
    return get_task_kind(name_of(parts, weighing=task.weighing))


def register_task_kind(task: type[Task], *, like: str, **parts: Any) -> TaskKind:
    """Adds a kind of task, for all verbs: what a user passes is an instance of `task`.

    A saved model of this kind is loaded where the kind is registered again.

    Args:
        task: a subclass of a task, with a `kind` of its own and no further fields.
        like: the kind that it is as, but for `parts`: ``"classification"``, ``"multi_label"`` or ``"regression"``, or
            one that was registered.
        **parts: fields of `kzoo.task_kinds.task_kind.TaskKind`, which says what each takes and gives; as ``loss`` and
            ``example_losses`` (of logits), ``output_layer`` and ``outputs_of`` (from logits to outputs), ``encode``,
            ``metrics`` and ``plot``.

    Returns:
        The kind.

    Raises:
        ValueError: a kind of that name is there, or `like` is none.
        TypeError: `task` is no subclass of a task, or there is no such part; the message names the nearest.

    Example:
        >>> from kzoo.specs.task import Regression
        >>> class Ranking(Regression):
        ...     kind = "ranking"
        >>> register_task_kind(Ranking, like="regression", exampel_scores=None)
        Traceback (most recent call last):
        ...
        TypeError: A kind of task has no part 'exampel_scores'. Did you mean 'example_scores'?
        >>> register_task_kind(Ranking, like="regression", targets_as="standardised ranks")
        TaskKind('ranking')
        >>> TASK_KINDS.pop("ranking").targets_as
        'standardised ranks'
    """
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise TypeError(f"A kind of task needs a subclass of a task, as kzoo.Regression. Got {task!r}.")
    if not task.kind or task.kind in TASK_KINDS:
        raise ValueError(
            f"{task.__name__}.kind must be a new name. Got {task.kind!r}, and there is {', '.join(TASK_KINDS)}."
        )
    known = {each.name for each in dataclasses.fields(TaskKind)} - {"task"}
    for name in parts:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise TypeError(f"A kind of task has no part {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    TASK_KINDS[task.kind] = dataclasses.replace(get_task_kind(like), task=task, **parts)
    return TASK_KINDS[task.kind]
