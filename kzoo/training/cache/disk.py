"""The disk cache of activations. The key covers everything that determines them; blocks are complete and checked."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import Timeout

from kzoo.core.leftovers import sweep as sweep_leftovers
from kzoo.core.locks import lock
from kzoo.core.storage import DamagedError, atomic_directory, verify_checksums, write_checksums, write_json
from kzoo.core.tables import Table

FORMAT = 1
INDEX = "index.json"
MOST_DAYS = 30
MOST_SHARE = 0.5
"""Largest share of the disk's free space (plus the cache itself) that the cache may use."""


@dataclass(frozen=True)
class Block:
    """Activations of some examples: one raw file for each tensor at the cut, with one row per example.

    Args:
        path: its directory.
        digests: digests of the examples, in the order of the rows.
        tensors: shape of a row and dtype, for each of the files ``0.bin``, ``1.bin``...
    """

    path: Path
    digests: Sequence[str]
    tensors: Sequence[tuple[tuple[int, ...], str]]

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The files as memory-mapped arrays (N, ...). `sweep` keeps a block as long as one of its arrays exists."""
        return tuple(
            _mapped(self.path / f"{number}.bin", dtype, shape=(len(self.digests), *shape))
            for number, (shape, dtype) in enumerate(self.tensors)
        )

    def card(self) -> dict[str, Any]:
        """The description of a block, for `table`."""
        return card_of(self.path)


def folder() -> Path:
    """Directory of the cache: below ``$KZOO_CACHE``, else ``$XDG_CACHE_HOME/kzoo``, else ``~/.cache/kzoo``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("KZOO_CACHE") or Path(cache) / "kzoo") / "activations"


def shelf_lock(key: str) -> contextlib.AbstractContextManager[None]:
    """A lock to hold while computing the activations of `key`: other processes wait and then read them."""
    return lock(folder() / key)


def find(key: str) -> list[Block]:
    """The valid blocks stored under `key`. Damaged blocks are removed and will be computed again."""
    shelf = folder() / key
    blocks = []
    for path in sorted(shelf.glob("[0-9a-f]*")) if shelf.is_dir() else ():
        try:
            verify_checksums(path)
            index = json.loads((path / INDEX).read_text(encoding="utf-8"))
            tensors = [(tuple(shape), dtype) for shape, dtype in index["tensors"]]
            blocks.append(Block(path, index["digests"], tensors))
            os.utime(path)
        except (DamagedError, OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
    return blocks


@contextlib.contextmanager
def writing(key: str, *, digests: Sequence[str], card: Mapping[str, object]) -> Iterator[Writer]:
    """Writes a new block under `key`. It appears only if the `with` statement ends without an error.

    Args:
        key: see `find`.
        digests: digests of the examples, in the order in which rows will be written.
        card: a description for `table`.
    """
    name = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
    target = folder() / key / name
    # Checksums reveal an incomplete block, which is computed again: no need to wait for the disk (fsync).
    with atomic_directory(target, durable=False) as aside, contextlib.ExitStack() as files:
        writer = Writer(aside, target, digests, files)
        yield writer
        files.close()
        write_json(aside / INDEX, {"digests": list(digests), "tensors": writer.tensors, "card": card})
        write_checksums(aside)


class Writer:
    """Appends rows to the raw files of a block.

    Args:
        directory: temporary directory of the files.
        target: final directory of the block.
        digests: digests of its examples.
        files: closes the files.
    """

    def __init__(self, directory: Path, target: Path, digests: Sequence[str], files: contextlib.ExitStack) -> None:
        self.directory, self.target, self.digests, self.files = directory, target, digests, files
        self.open: list[BinaryIO] = []
        self.tensors: list[tuple[tuple[int, ...], str]] = []

    def append(self, arrays: Sequence[np.ndarray]) -> None:
        """Appends rows (B, ...) of each tensor."""
        if not self.open:
            paths = [self.directory / f"{number}.bin" for number in range(len(arrays))]
            self.open = [self.files.enter_context(path.open("wb")) for path in paths]
            self.tensors = [(array.shape[1:], array.dtype.name) for array in arrays]
        for file, array in zip(self.open, arrays, strict=True):
            file.write(np.ascontiguousarray(array).data)

    @property
    def block(self) -> Block:
        """The block, valid after the `with` statement of `writing`."""
        return Block(self.target, self.digests, self.tensors)


def card_of(path: Path) -> dict[str, Any]:
    """The description of a block; empty if it is unreadable."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((path / INDEX).read_text(encoding="utf-8"))["card"]
    return {}


def used() -> int:
    """Size of the cache in bytes."""
    return sum(size for _, _, size in _entries())


def room() -> int:
    """Bytes that may still be written to the cache."""
    path = folder()
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return max(int(MOST_SHARE * (shutil.disk_usage(path).free + used()) - used()), 0)
    return 0


def sweep(*, days: float = MOST_DAYS, most: int | None = None) -> int:
    """Removes blocks unused for `days`, then the least recently used until at most `most` bytes are left.

    Blocks that a process is writing, looking up or has mapped are kept.

    Args:
        days: longest time since the last use.
        most: in bytes. None: `MOST_SHARE` of the disk.

    Returns:
        Number of bytes removed.
    """
    entries = sorted(_entries(), key=lambda entry: entry[1])
    kept = sum(size for _, _, size in entries)
    with contextlib.suppress(OSError):
        most = int(MOST_SHARE * (shutil.disk_usage(folder()).free + kept)) if most is None else most
    removed = sum(_sweep_leftovers(shelf) for shelf in folder().glob("[0-9a-f]*"))
    for path, used, size in entries:
        if time.time() - used < days * 86_400 and (most is None or kept <= most):
            continue
        if _remove(path):
            kept, removed = kept - size, removed + size
    return removed


def table() -> Table:
    """A table with one row per model, cut and augmentation: number of rows, size and time of the last use."""
    groups: dict[tuple[str, str, str], list[tuple[int, int, float]]] = {}
    for path, used, size in _entries():
        card = card_of(path)
        name = (card.get("model", "?"), card.get("below", "?"), card.get("view", "?").split()[0])
        groups.setdefault(name, []).append((card.get("examples", 0), size, used))
    rows = []
    for name, found in sorted(groups.items()):
        examples, sizes, times = zip(*found, strict=True)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(times)))
        rows.append((*name, sum(examples), round(sum(sizes) / 1e6, 1), when))
    total = sum(row[4] for row in rows)
    columns = ("model", "below", "augmentation", "rows", "MB", "last used")
    return Table(columns, rows, title=f"{folder()}: {total:,.0f} MB", notes=() if rows else ("The cache is empty.",))


def _entries() -> list[tuple[Path, float, int]]:
    """Path, time of the last use and size in bytes of each block."""
    found = []
    for path in folder().glob("*/[0-9a-f]*"):
        with contextlib.suppress(OSError):
            found.append((path, path.stat().st_mtime, sum(file.stat().st_size for file in path.iterdir())))
    return found


def _mapped(path: Path, dtype: str, *, shape: tuple[int, ...]) -> np.ndarray:
    with path.open("rb") as file:
        # The lock belongs to the open file, which the mapping shares: it is released with the array.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return np.memmap(file, dtype, "r", shape=shape)


def _sweep_leftovers(shelf: Path) -> int:
    """Removes files that killed processes left behind, unless the key is locked; returns the number of bytes."""
    with contextlib.suppress(Timeout, OSError), lock(shelf, wait=False):
        return sweep_leftovers(shelf)
    return 0


def _remove(path: Path) -> bool:
    """Removes a block unless a process uses it; returns whether it is gone."""
    with contextlib.suppress(Timeout, OSError), lock(path.parent, wait=False):
        if not _is_mapped(path):
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
    return not path.exists()


def _is_mapped(path: Path) -> bool:
    for each in path.glob("*.bin"):
        with contextlib.suppress(OSError), each.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False
