"""What a source is asked for: the columns of inputs, targets and groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kzoo.data.seams import Modality


@dataclass(frozen=True)
class SourceQuery:
    """The columns that a source has to find.

    Args:
        modality: of the inputs.
        input: name of their column, or None for one with a usual name.
        label: name of the column of the target, or several, or a function of a path; None for a usual name.
        groups: see `kzoo.specs.task.Task`.
        labelled: whether targets are looked for; without, they are None.
    """

    modality: Modality
    input: str | None = None
    label: str | Sequence[str] | Callable[[Path], object] | None = None
    groups: str | Sequence[object] | Callable[[Path], object] | None = None
    labelled: bool = True
