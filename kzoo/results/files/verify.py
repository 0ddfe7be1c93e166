"""`verify`: whether what kzoo wrote is unchanged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kzoo.core.leftovers import size_of
from kzoo.core.storage import CHECKSUMS, EXPORT_CHECKSUMS, DamagedError, recover, target_of, verify_checksums
from kzoo.core.tables import Table

KINDS = {"card.json": "saved model", "state.json": "checkpoint"}
"""What a directory with checksums is, by a file in it."""


@dataclass(frozen=True)
class Verified:
    """The result for one directory.

    Args:
        directory: which.
        kind: ``"saved model"``, ``"pretrained backbone"``, ``"checkpoint"`` or ``"exported version"``.
        files: how many were checked.
        bytes: their size.
        damage: what is wrong, or "".
    """

    directory: str
    kind: str
    files: int
    bytes: int
    damage: str


def verify(directory: str | Path) -> Table:
    """Compares every file of what kzoo wrote with the checksums that were written with it.

    Args:
        directory: an exported version, a directory of exported versions, a saved model, a pretrained backbone or a
            checkpoint.

    Returns:
        One row a version or model: directory, kind, files, MB.

    Raises:
        DamagedError: a file is missing, changed or foreign; the message names each.
        FileNotFoundError: there is no such directory.
        ValueError: it holds nothing that kzoo wrote.
    """
    found = check(directory)
    damage = [each.damage for each in found if each.damage]
    if damage:
        raise DamagedError("\n".join(damage))
    rows = [(each.directory, each.kind, each.files, round(each.bytes / 1e6, 1)) for each in found]
    return Table(("directory", "kind", "files", "MB"), rows, notes=("Every file is as it was written.",))


def check(directory: str | Path) -> list[Verified]:
    """As `verify`, but damage is told in the result."""
    directory = target_of(directory, verb="verify")
    recover(directory)
    if not directory.is_dir():
        raise FileNotFoundError(f"There is no directory {directory}.")
    if any((directory / name).exists() for name in (CHECKSUMS, *KINDS)):
        return [_check(directory, CHECKSUMS, _kind_of(directory))]
    if (directory / "saved_model.pb").exists() or (directory / EXPORT_CHECKSUMS).exists():
        return [_check(directory, EXPORT_CHECKSUMS, "exported version")]
    versions = sorted((int(path.name), path) for path in directory.iterdir() if path.name.isdecimal())
    if not versions:
        raise ValueError(
            f"{directory} contains nothing that kzoo wrote: no saved model ({CHECKSUMS}), no exported version "
            f"({EXPORT_CHECKSUMS}) and no folder of versions."
        )
    return [_check(path, EXPORT_CHECKSUMS, "exported version") for _, path in versions]


def _check(directory: Path, sums: str, kind: str) -> Verified:
    try:
        files, damage = verify_checksums(directory, sums=sums), ""
    except (DamagedError, OSError) as error:
        files, damage = 0, str(error)
    return Verified(os.fspath(directory), kind, files, size_of(directory), damage)


def _kind_of(directory: Path) -> str:
    found = next((kind for name, kind in KINDS.items() if (directory / name).exists()), "saved model")
    if found != "saved model":
        return found
    try:
        return (
            found
            if "head" in json.loads((directory / "card.json").read_text(encoding="utf-8"))
            else "pretrained backbone"
        )
    except (OSError, ValueError, TypeError, RecursionError):
        return found
