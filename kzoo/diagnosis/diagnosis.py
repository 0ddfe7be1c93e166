"""`Diagnosis`: what `doctor` found, as a table, as values, and as a list of what to do."""

from __future__ import annotations

import contextlib
import csv
import html
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.core.disk_errors import explaining
from kzoo.core.tables import MOST_IMAGES, Table
from kzoo.diagnosis.finding import FINDING_KINDS, Finding

if TYPE_CHECKING:
    import pandas

LIST_COLUMNS = ("name", "finding", "suggestion")

SHOWN, LONGEST_NAME = 3, 48
"""Findings of a kind that are named or shown, and characters of a name in a line about one."""


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What was found in data. `str` of it is a table; a notebook shows images too.

    Args:
        findings: facts, the serious ones first.
        sizes: usable examples by split, as `kzoo.adapt` would divide them.
        unusable: number of the other examples.
        noun: name of one example.
        checked: what was looked for.
        notes: of the reading of the data.
        root: folder that the names in tables are relative to; "" where names are no paths.
        picture: from the name of an example to a small JPEG, or None; None where examples cannot be seen.
    """

    findings: Sequence[Finding]
    sizes: Mapping[str, int]
    unusable: int
    noun: str
    checked: Sequence[str]
    notes: Sequence[str] = ()
    root: str = ""
    picture: Callable[[str], bytes | None] | None = field(default=None, repr=False)

    @property
    def serious(self) -> list[Finding]:
        """The findings by which scores will be wrong, or examples are lost."""
        return [each for each in self.findings if each.serious]

    def of_kind(self, kind: str) -> list[Finding]:
        """The findings of one kind.

        Raises:
            ValueError: there is no such kind.
        """
        if kind not in {*FINDING_KINDS, *(each.kind for each in self.findings)}:
            raise ValueError(f"There is no finding {kind!r}. The findings are: {', '.join(FINDING_KINDS)}.")
        return [each for each in self.findings if each.kind == kind]

    def table(self) -> Table:
        """One row a kind of finding; below, what to do and the first findings of each kind."""
        rows, notes = [], []
        for kind in dict.fromkeys(each.kind for each in self.findings):
            found = self.of_kind(kind)
            splits = dict.fromkeys(split for each in found for split in each.splits if split)
            rows.append((kind, "yes" if found[0].serious else "", len(found), ", ".join(splits)))
            advice = found[0].described.advice
            notes.append(f"{kind}: {advice}" if advice else kind)
            notes += [f"  {self._line(each)}" for each in found[:SHOWN]]
            notes += [f"  {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
        columns = ("finding", "serious", "count", "in")
        return Table(columns, rows, title=self._counted(), notes=(*notes, *self._below()))

    def __str__(self) -> str:
        if not self.findings:
            return "\n".join([f"Nothing was found in {self._counted()}.", *self._below()])
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.findings:
            return "".join(f"<p>{html.escape(line)}</p>" for line in str(self).splitlines())
        pictures = self.pictures()
        return self.table()._repr_html_() + (pictures._repr_html_() if pictures else "")

    def pictures(self) -> Table | None:
        """The images of the first findings of each kind, as a notebook shows them; None where there are none."""
        make = self.picture
        if make is None:
            return None
        kinds = dict.fromkeys(each.kind for each in self.findings)
        shown = [(each, name) for kind in kinds for each in self.of_kind(kind)[:SHOWN] for name in _names(each)]
        rows = [
            (each.kind, self._short(name), each.suggestion if name in each.names else "", each.detail)
            for each, name in shown[:MOST_IMAGES]
        ]
        columns = ("finding", self.noun, "suggestion", "detail")
        notes = ("The first findings of each kind. All: .to_dataframe()",) if len(self.findings) > SHOWN else ()
        return Table(columns, rows, notes=notes, image=lambda row: make(shown[row][1])) if rows else None

    def as_dict(self) -> dict[str, Any]:
        """All findings as plain values, for JSON."""
        return {
            "sizes": dict(self.sizes),
            "unusable": self.unusable,
            "serious": len(self.serious),
            "findings": [
                {
                    "finding": each.kind,
                    "serious": each.serious,
                    "names": list(each.names),
                    "splits": list(each.splits),
                    "like": list(each.like),
                    "detail": each.detail,
                    "suggestion": each.suggestion if each.names else "",
                    "advice": each.described.advice,
                }
                for each in self.findings
            ],
            "checked": list(self.checked),
            "notes": list(self.notes),
        }

    def to_dataframe(self) -> pandas.DataFrame:
        """One row an example that something should be done with, and one a finding about none.

        Returns:
            Columns ``finding``, ``serious``, ``name``, ``split``, ``like`` (names joined by commas), ``detail`` and
            ``suggestion``.
        """
        import pandas

        columns = ("finding", "serious", "name", "split", "like", "detail", "suggestion")
        rows = [
            (each.kind, each.serious, name, split, ", ".join(each.like), each.detail, each.suggestion if name else "")
            for each in self.findings
            for name, split in (zip(each.names, each.splits, strict=True) if each.names else [("", "")])
        ]
        return pandas.DataFrame(rows, columns=list(columns))

    def write_list(self, path: str | Path) -> Path:
        """Writes a CSV file of examples and what to do with each: columns ``name``, ``finding`` and ``suggestion``.

        The data is not touched. The file appears whole or not at all.

        Args:
            path: of the file. An earlier list is replaced.

        Returns:
            The path.

        Raises:
            FileExistsError: the file is something else.
            OSError: it cannot be written.
        """
        path = Path(path)
        if path.exists() and not _is_list(path):
            raise FileExistsError(f"{path} is not a list of findings, and would be overwritten. Choose another name.")
        with explaining(path):
            handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            try:
                with open(handle, "w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(LIST_COLUMNS)
                    writer.writerows(
                        (name, each.kind, each.suggestion) for each in self.findings for name in each.names
                    )
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(aside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(aside)
                raise
        return path

    def _counted(self) -> str:
        total = sum(self.sizes.values()) + self.unusable
        parts = [f"{count:,} {split}" for split, count in self.sizes.items() if count]
        parts += [f"{self.unusable:,} unusable"] if self.unusable else []
        return f"{total:,} {self.noun}{'' if total == 1 else 's'} ({', '.join(parts)})"

    def _below(self) -> list[str]:
        return [*self.notes, f"Checked: {', '.join(self.checked)}."]

    def _short(self, name: str) -> str:
        return name.removeprefix(f"{self.root}{os.sep}") if self.root else name

    def _cut(self, name: str) -> str:
        """The end of a long path, or the beginning of a long text."""
        name = re.sub(r"\s*[\r\n]\s*", " ", self._short(name))
        if len(name) <= LONGEST_NAME:
            return name
        return f"...{name[3 - LONGEST_NAME :]}" if self.root else f"{name[: LONGEST_NAME - 3]}..."

    def _line(self, finding: Finding) -> str:
        """A finding in a few words."""
        about = [", ".join(map(self._cut, each[:2])) for each in (finding.names, finding.like) if each]
        line = " like ".join(about)
        return f"{line} ({finding.detail})" if line and finding.detail else line or finding.detail


def _names(finding: Finding) -> list[str]:
    """Names of the examples of a finding that stand for it."""
    return [*finding.names[:2], *finding.like[:1]]


def _is_list(path: Path) -> bool:
    """Whether a file is what `Diagnosis.write_list` writes."""
    with open(path, "rb") as file:
        return file.readline(100).strip() == ",".join(LIST_COLUMNS).encode()
