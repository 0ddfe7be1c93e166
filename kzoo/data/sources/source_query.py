"""What a source is asked for: the columns of inputs, targets and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kzoo.data.seams import Modality


@dataclass(frozen=True)
class SourceQuery:
    """The columns that a source has to find.

    Args:
        modality: of the inputs.
        inputs: name of their column, of rows of several; None: one with a usual name, of rows all that are left.
        label: name of the column of the target, or several, or a function of a path; None for a usual name.
        groups: see `kzoo.specs.task.Task`.
        labelled: whether targets are looked for; without, they are None.
        parts: of examples of several inputs, the columns that the task names, by modality.
    """

    modality: Modality
    inputs: Sequence[str] | None = None
    label: str | Sequence[str] | Callable[[Path], object] | None = None
    groups: str | Sequence[object] | Callable[[Path], object] | None = None
    labelled: bool = True
    parts: Mapping[str, str | Sequence[str] | bool] = field(default_factory=dict)

    @property
    def input(self) -> str | None:
        """The name of the column of inputs, where one is named."""
        return self.inputs[0] if self.inputs else None

    def refuse_parts(self, source: str) -> None:
        """Raises ValueError where examples have several inputs, for a source that reads one."""
        if self.modality.choose:
            raise ValueError(
                f"Examples of several inputs are read from a table, a dict of columns, or a pair (dict of inputs, "
                f"targets). Got {source}."
            )
