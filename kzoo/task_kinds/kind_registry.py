"""All kinds of task, by name."""

from __future__ import annotations

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.multi_label import MULTI_LABEL
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
    if name not in TASK_KINDS:
        raise ValueError(f"A kind of task must be one of {', '.join(TASK_KINDS)}. Got {name!r}.")
    return TASK_KINDS[name]
