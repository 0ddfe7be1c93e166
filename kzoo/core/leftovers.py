"""Temporary folders beside a target, and what killed processes leave there.

`tempfile` removes its folders only where Python comes to its end, which a killed process does not.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from kzoo.core.locks import MARK, mark, state_of

IDLE = 86_400.0
"""Seconds without a change after which the files of another machine count as abandoned."""

_NAME = re.compile(rf"\.(?P<target>.+)\.(?P<kind>new|old)-(?:(?P<mark>{MARK})(?:-[^.]*)?|[^.]*)")


@dataclass(frozen=True)
class SiblingFolder:
    """A hidden directory beside a target.

    Args:
        path: where.
        target: the path beside it.
        kind: ``"new"`` for content that is being written; ``"old"`` for the previous content.
        state: of its writer: ``"alive"``, ``"gone"``, or ``"elsewhere"``.
    """

    path: Path
    target: Path
    kind: str
    state: str


def prefix(target: Path, kind: str) -> str:
    """The beginning of the names of this process's temporary folders."""
    return f".{target.name}.{kind}-{mark()}-"


def find_asides(folder: Path, *, name: str | None = None) -> list[SiblingFolder]:
    """Leftovers beside the target of that name in a folder, or beside all targets."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match and name in (None, match["target"]):
                # Without a mark: an earlier kzoo wrote it.
                state = state_of(match["mark"]) if match["mark"] else "elsewhere"
                found.append(SiblingFolder(path, folder / match["target"], match["kind"], state))
    return found


def sweep(folder: Path, *, name: str | None = None) -> int:
    """Removes, or puts back, what processes left behind that were killed while they wrote into a folder.

    Folders of a running process of this machine stay, and so do folders that another machine changed within a day. The
    caller holds the lock of the targets.

    Args:
        folder: of the targets.
        name: of one target; None: all.

    Returns:
        Bytes removed.
    """
    removed = 0
    for aside in find_asides(folder, name=name):
        if aside.state == "alive":
            continue
        if aside.kind == "old" and not aside.target.exists():
            os.rename(aside.path, aside.target)
        elif aside.state == "gone" or time.time() - _changed(aside.path) > IDLE:
            removed += size_of(aside.path)
            shutil.rmtree(aside.path, ignore_errors=True)
    return removed


def size_of(directory: Path) -> int:
    """Bytes of the files below a directory."""
    found = 0
    for path in directory.rglob("*"):
        # Another process may remove it at the same time.
        with contextlib.suppress(OSError):
            found += path.lstat().st_size if path.is_file() else 0
    return found


def _changed(directory: Path) -> float:
    """When something in a directory was last changed, in seconds since the epoch."""
    times = [0.0]
    for path in (directory, *directory.rglob("*")):
        with contextlib.suppress(OSError):
            times.append(path.lstat().st_mtime)
    return max(times)
