"""Columns of examples of several inputs: chosen from a table, collected part by part, checked and linked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kzoo.data.examples import CheckedColumn
from kzoo.data.file_column import refuse_missing_files
from kzoo.data.multimodal.parts import find_present, modality_of, name_part, part_names, stack_parts
from kzoo.data.seams import Modality
from kzoo.specs.task import UserData

LONG = 40
"""Characters of a text from which on two examples that have it are in one split: shorter ones repeat by chance."""

Wanted = Mapping[str, str | Sequence[str] | bool]
"""By modality: the names of its columns, or True for all that are left."""


@dataclass(frozen=True)
class PartColumns:
    """Columns of several inputs, checked and joined to one column of examples.

    Args:
        known: all other modalities, by name.
    """

    known: Mapping[str, Modality]

    def choose(
        self, table: Mapping[str, UserData], wanted: Wanted, *, others: Sequence[str], root: Path, source: str
    ) -> tuple[list[str], np.ndarray]:
        """The names of the columns of inputs in a table, and these inputs as a column.

        Args:
            table: its columns by name.
            wanted: the columns of each modality; empty: those with the name of a modality, or a usual one.
            others: columns that are no inputs: of targets and groups.
            root: folder of relative paths.
            source: name of the table in messages.

        Raises:
            ValueError: there is no such column, or none is found.
            FileNotFoundError: no file of a column exists.
        """
        named = self._named(table, wanted, others, source) if wanted else self._usual(table, others, source)
        used = [*others, *(name for columns in named.values() for name in columns or ())]
        parts: dict[str, UserData] = {}
        for modality, columns in named.items():
            columns = [name for name in table if name not in used] if columns is None else columns
            if self.known[modality].wide:
                parts[modality] = {name: table[name] for name in columns}
            else:
                parts |= {name_part(modality, name): table[name] for name in columns}
            used += [name for name in columns if name not in used]
        column = self.collect(parts, root=root)
        for part, values in parts.items():
            if self.known[modality_of(part)].are_files:
                refuse_missing_files(column[part], values, root=root, source=f"the {part} of {source}")
        return [name for name in used if name not in others], column

    def _named(
        self, table: Mapping[str, UserData], wanted: Wanted, others: Sequence[str], source: str
    ) -> dict[str, list[str] | None]:
        """The columns of each modality that a task names; None for all that are left."""
        named: dict[str, list[str] | None] = {}
        for modality, given in wanted.items():
            if isinstance(given, bool):
                if not self.known[modality].wide:
                    raise ValueError(f"{modality}=True needs data of one input. Pass {modality}=NAME, a column.")
                named[modality] = None
                continue
            columns = [given] if isinstance(given, str) else list(given)
            if lacking := [name for name in columns if name not in table]:
                raise ValueError(f"{source} has no column {lacking[0]!r}. Its columns: {', '.join(table)}.")
            if taken := [name for name in columns if name in others]:
                raise ValueError(f"{taken[0]!r} is the column of a target or of groups. Leave it out of {modality}=.")
            named[modality] = columns
        return named

    def _usual(self, table: Mapping[str, UserData], others: Sequence[str], source: str) -> dict[str, list[str] | None]:
        free = [name for name in table if name not in others]
        claims = {
            modality: [name for name in free if name.lower() == modality or name.lower() in each.usual]
            for modality, each in self.known.items()
        }
        names: dict[str, list[str] | None] = {}
        for modality, found in claims.items():
            own = [name for name in found if name.lower() == modality] or [
                name for name in found if sum(name in other for other in claims.values()) == 1
            ]
            if len(own) == 1:
                names[modality] = own
        if not names:
            raise ValueError(
                f"The columns of inputs in {source} are not clear. Name them, as in image='photo', text='title', "
                f"row=['beds', 'area']. Columns: {', '.join(table)}."
            )
        return names

    def collect(self, values: UserData, *, root: Path = Path()) -> np.ndarray:
        """A structured array (N,) with a field for each part, of a dict of parts, or of such rows."""
        if isinstance(values, list) and values and isinstance(values[0], np.void):
            values = np.array(values, dtype=values[0].dtype)
        if isinstance(values, np.ndarray) and self.is_column(values):
            return values
        if not isinstance(values, Mapping):
            raise TypeError(f"Several inputs must be a dict of columns, or a table. Got {type(values).__name__}.")
        parts = {part: self.known[modality_of(part)].collect(each, root=root) for part, each in values.items()}
        lengths = {part: len(each) for part, each in parts.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{part} {length}" for part, length in lengths.items())
            raise ValueError(f"All inputs must have the same length. Got {told}.")
        return stack_parts(parts)

    def is_column(self, values: np.ndarray) -> bool:
        """Whether an array is a column of parts."""
        return bool(part_names(values)) and all(modality_of(part) in self.known for part in part_names(values))

    def ask(self, inputs: UserData) -> tuple[np.ndarray, list[str]]:
        """A column of parts, see `collect`, and the names of its examples."""
        column = self.collect(inputs)
        return column, [f"example {index}" for index in range(len(column))]

    def check(self, column: np.ndarray) -> CheckedColumn:
        """Opens every part of every example once.

        A part that cannot be used counts as missing; an example of which nothing is left cannot be used.
        """
        parts: dict[str, np.ndarray] = {}
        digests: list[dict[str, str]] = [{} for _ in range(len(column))]
        stamps: list[tuple[int, ...]] = [() for _ in range(len(column))]
        faults: list[list[str]] = [[] for _ in range(len(column))]
        notes: list[str] = []
        repaired: dict[int, list[str]] = {}
        for part in part_names(column):
            modality, values = self.known[modality_of(part)], column[part]
            places = np.flatnonzero(find_present(values))
            found = modality.check(values[places])
            bad = {int(places[index]): f"{part}: {reason}" for index, reason in found.reasons.items()}
            kept = {int(place): index for index, place in enumerate(places) if int(place) not in bad}
            parts[part] = _with_blanks(found.column, kept, len(column))
            for place, index in kept.items():
                digests[place][part] = found.digests[index]
                stamps[place] += tuple(found.stamps[index]) if modality.are_files and found.stamps else ()
            for place, reason in bad.items():
                faults[place].append(reason)
            if bad:
                told = "; ".join(dict.fromkeys(found.reasons.values()))[:200]
                notes.append(f"{part}: {len(bad)} cannot be used and count as missing ({told})")
            for index, why in found.repaired.items():
                repaired.setdefault(int(places[index]), []).append(why)
            notes += [f"{part}: {note}" for note in found.notes]
            if lost := len(column) - len(places):
                notes.append(f"{part}: missing in {lost} of {len(column)} examples")
        empty = {place for place, own in enumerate(digests) if not own}
        reasons = {place: "; ".join(faults[place]) or "an example without any input" for place in empty}
        for place, found_faults in enumerate(faults):
            if found_faults and place not in empty:
                repaired.setdefault(place, []).extend(found_faults)
        return CheckedColumn(
            stack_parts(parts),
            [_digest(own) for own in digests],
            reasons,
            notes,
            stamps,
            repaired={place: "; ".join(why) for place, why in sorted(repaired.items())},
            contents=[self._contents(value, own) for value, own in zip(column, digests, strict=True)],
        )

    def _contents(self, value: Any, digests: Mapping[str, str]) -> tuple[str, ...]:
        """Keys that keep an example in one split with others: its parts, but for rows and short texts, which repeat."""
        told = {part: digest for part, digest in digests.items() if not self._repeats(part, value[part])}
        return tuple(f"{modality_of(part)}={digest}" for part, digest in told.items())

    def _repeats(self, part: str, value: object) -> bool:
        modality = self.known[modality_of(part)]
        return modality.repeats or (not modality.are_files and isinstance(value, str) and len(value) < LONG)

    def find_paths(self, value: Any) -> list[str]:
        """The paths of the files of an example."""
        parts = [part for part in value.dtype.names if self.known[modality_of(part)].are_files]
        return [value[part] for part in parts if isinstance(value[part], str) and value[part]]


def _digest(parts: Mapping[str, str]) -> str:
    if not parts:
        return ""
    return hashlib.sha256("\n".join(f"{part}={digest}" for part, digest in parts.items()).encode()).hexdigest()


def _with_blanks(values: np.ndarray, kept: Mapping[int, int], count: int) -> np.ndarray:
    """Values at their places among `count`, and what counts as missing at all others."""
    column = np.zeros((count, *values.shape[1:]), dtype=values.dtype)
    if values.dtype == object or values.dtype.kind == "f":
        column[:] = "" if values.dtype == object else np.nan
    for name in values.dtype.names or ():
        column[name] = ""
    column[list(kept)] = values[list(kept.values())]
    return column
