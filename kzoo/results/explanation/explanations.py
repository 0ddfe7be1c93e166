"""`Explanations`: what `Adapted.explain` returns."""

from __future__ import annotations

import html
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, overload

from kzoo.core.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 12
"""Inputs in a figure, at most."""


class Explanation(Protocol):
    """The explanation of one input, of any modality."""

    @property
    def name(self) -> str:
        """Of the input: its path, or its number."""
        ...

    @property
    def label(self) -> str | None:
        """The output that is explained; None where the input could not be read."""
        ...

    @property
    def output(self) -> float:
        """Its probability, or its value; NaN where the input could not be read."""
        ...

    @property
    def method(self) -> str:
        """How it was computed."""
        ...

    @property
    def error(self) -> str | None:
        """Why the input could not be read, or None."""
        ...

    @property
    def strongest(self) -> str:
        """What speaks most for the output, in words."""
        ...

    def thumbnail(self) -> bytes | None:
        """A small JPEG, or None where there is none."""
        ...

    def plot(self) -> Figure:
        """A matplotlib figure (extra ``viz``)."""
        ...


@dataclass(frozen=True)
class Unreadable:
    """An input that could not be read.

    Args:
        name: of the input.
        error: why.
    """

    name: str
    error: str | None
    label: str | None = None
    output: float = math.nan
    method: str = ""
    strongest: str = ""

    def thumbnail(self) -> None:
        """There is none."""

    def plot(self) -> Figure:
        """Raises: there is nothing to draw."""
        raise ValueError(f"{self.name} cannot be drawn: {self.error}")


@dataclass(frozen=True, repr=False)
class Explanations:
    """Explanations of some inputs, in their order.

    ``explanations[0]`` is that of one input, a slice is an `Explanations`, and a loop goes over single ones. That of
    an image has ``map``, float32 (H, W) in [0, 1]; of a text ``words``; of a recording ``map``, float32 (steps, bands),
    ``times`` and ``frequencies``. An input that could not be read has an ``error``.

    Args:
        items: one for each input.
        noun: what an input is called.
        draw: from some of them to a figure.
    """

    items: Sequence[Explanation]
    noun: str
    draw: Callable[[Sequence[Explanation]], Figure]

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> Explanations: ...

    def __getitem__(self, index: int | slice) -> Explanation | Explanations:
        if isinstance(index, slice):
            return replace(self, items=list(self.items[index]))
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"There are {len(self)} explanations. Got the index {place}.")
        return self.items[place]

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.items)

    @property
    def errors(self) -> Mapping[str, str]:
        """Why some inputs could not be read, by name."""
        return {each.name: each.error for each in self.items if each.error is not None}

    def table(self) -> Table:
        """One row an input: the output that is explained, and what speaks most for it."""
        good = [each for each in self.items if each.error is None]
        errors = ["error"] if len(good) < len(self) else []
        rows = [
            (
                *(each.name, each.label, None if each.error else float(each.output), each.strongest),
                *([each.error] if errors else []),
            )
            for each in self.items
        ]
        seen = any(each.thumbnail() for each in good[:1])
        return Table(
            [self.noun, "label", "output", "strongest", *errors],
            rows,
            notes=list(dict.fromkeys(f"Method: {each.method}" for each in good)),
            image=(lambda row: self.items[row].thumbnail()) if seen else None,
        )

    def plot(self) -> Figure:
        """Images and spectrograms with their maps, or bars of words, of the first 12 inputs that could be read.

        Returns:
            A matplotlib figure (extra ``viz``).

        Raises:
            ValueError: none could be read.
        """
        good = [each for each in self.items if each.error is None][:DRAWN]
        if not good:
            raise ValueError(f"None of the {self.noun}s could be read: {dict(self.errors)}")
        return self.draw(good)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        coloured = [each for each in self.items if hasattr(each, "_repr_html_")]
        if not coloured:
            return self.table()._repr_html_()
        parts = [
            each._repr_html_()  # type: ignore[attr-defined]
            if hasattr(each, "_repr_html_")
            else f"<p>{html.escape(each.name)}: {html.escape(str(each.error))}</p>"
            for each in self.items
        ]
        return "".join(parts)
