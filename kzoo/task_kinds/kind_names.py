"""The name of a kind of several tasks, which tells its parts; and the names of their outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kzoo.specs.task import WEIGHINGS, MultiTask
from kzoo.task_kinds.task_kind import KindPart, TaskKind

PREFIX = "several tasks"
"""Beginning of the name of such a kind. Where the weights of the losses follow something, " by uncertainty" comes next.
The tasks follow, each as ``price regression 1 x 0.5``."""


def name_of(parts: Sequence[KindPart], *, weighing: str = "") -> str:
    """The name of the kind that has these parts; `parts_of` reads it."""
    weights = ["" if part.weight == 1 else f" x {part.weight!r}" for part in parts]
    named = [f"{p.name} {p.kind.name} {p.outputs}{w}" for p, w in zip(parts, weights, strict=True)]
    return f"{_start(weighing)}{', '.join(named)}"


def _start(weighing: str) -> str:
    return f"{PREFIX} by {weighing}: " if weighing else f"{PREFIX}: "


def parts_of(name: str, kinds: Callable[[str], TaskKind]) -> tuple[list[KindPart], str]:
    """The parts that the name of a kind tells, and what the weights of their losses follow.

    Args:
        name: of the kind.
        kinds: from the name of a kind to its row.

    Raises:
        ValueError: it is no such name.
    """
    parts: list[KindPart] = []
    weighing = next((each for each in WEIGHINGS if name.startswith(_start(each))), "")
    start_of = _start(weighing)
    for text in name.removeprefix(start_of).split(", "):
        found = re.fullmatch(r"(\w+) (\w+) ([1-9]\d{0,6})(?: x ([\d.e+-]+))?", text)
        if not found or not name.startswith(start_of):
            raise ValueError(f"A kind of several tasks must be named as 'price regression 1'. Got {text!r}.")
        start, weight = parts[-1].stop if parts else 0, float(found[4] or 1)
        kind = kinds(found[2])
        parts.append(KindPart(name=found[1], kind=kind, start=start, stop=start + int(found[3]), weight=weight))
    return parts, weighing


def parts_for(
    tasks: MultiTask, labels: Mapping[str, Sequence[str]], kinds: Callable[[str], TaskKind]
) -> list[KindPart]:
    """The parts of several tasks, whose outputs have these names."""
    parts: list[KindPart] = []
    for name, task in tasks.tasks.items():
        start = parts[-1].stop if parts else 0
        weight = float(tasks.fixed_weights.get(name, 1.0))
        stop = start + len(labels[name])
        parts.append(KindPart(name=name, kind=kinds(task.kind), start=start, stop=stop, weight=weight))
    return parts


def join_labels(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of all outputs.

    Example:
        >>> join_labels({"kind": ["boot", "shoe"], "price": ["value"]})
        ['kind: boot', 'kind: shoe', 'price: value']
    """
    return [f"{name}: {label}" for name, own in labels.items() for label in own]


def own_labels(labels: Sequence[str], part: KindPart) -> list[str]:
    """Names of the outputs of one task, of the names of all."""
    return [label.removeprefix(f"{part.name}: ") for label in labels[part.start : part.stop]]
