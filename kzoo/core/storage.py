"""Files that are written completely or not at all: atomic writes and checksums."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from kzoo.core.disk_errors import explaining
from kzoo.core.leftovers import find_asides, prefix, sweep
from kzoo.core.locks import lock, umask

CHECKSUMS = "SHA256SUMS"
EXPORT_CHECKSUMS = "assets.extra/SHA256SUMS"
"""Where the checksums of an exported version are, so that TensorFlow Serving passes them over."""

NANO = Path(__file__).parents[1] / "nano"
"""Where the weights and vocabularies are that come with kzoo."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RecursionError, NotImplementedError, struct.error)
"""Errors that readers of damaged archives raise, besides ValueError, OSError and KeyError."""


class DamagedError(ValueError):
    """The content of a directory is not what was written."""


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def target_of(path: object, *, verb: str) -> Path:
    """The directory that a user named for `verb` to write.

    Raises:
        TypeError: it is not a path.
        ValueError: it is empty.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{verb} needs the path of a directory, as in {verb}('flowers'). Got {path!r}.")
    if not os.fspath(path):
        raise ValueError(f"{verb} needs the path of a directory, as in {verb}('flowers'). Got an empty path.")
    return Path(path)


@contextlib.contextmanager
def atomic_directory(target: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """A directory that appears at `target` when the block ends well, and otherwise never.

    Files are written to a hidden directory beside the target, flushed to the disk and renamed into place. An existing
    target is replaced; between two renames it is ``.NAME.old-*`` beside it. The next writer removes the leftovers of
    killed processes. Other writers of the target wait. If the target is a link, the link stays and the directory that
    it points to is replaced.

    Args:
        target: path of the directory; its parents are made.
        durable: wait for the disk, so that the directory survives a power failure.

    Raises:
        NotADirectoryError: the target is a file.
        FileNotFoundError: the target is a link into a folder that does not exist.
        OSError: the disk is full or cannot be written; the previous content is unchanged.
    """
    real = _real(Path(target))
    with _beside(real) as aside:
        yield aside
        if durable:
            _flush(aside)
        aside.chmod(0o777 & ~umask())
        _swap(aside, real)


@contextlib.contextmanager
def atomic_file(target: str | Path) -> Iterator[Path]:
    """A file that appears at `target` when the block ends well, and otherwise never.

    The block writes to the path that it gets, in a hidden folder beside the target; see `atomic_directory`.

    Raises:
        OSError: the target is a directory, or cannot be written; the previous content is unchanged.
    """
    real = Path(os.path.realpath(target))
    if real.is_dir():
        raise IsADirectoryError(f"{target} is a directory. Choose the path of a file.")
    with _beside(real) as aside:
        yield aside / real.name
        _flush(aside)
        os.replace(aside / real.name, real)
        _fsync(real.parent)


@contextlib.contextmanager
def _beside(real: Path) -> Iterator[Path]:
    """A hidden directory beside a target, which is locked meanwhile."""
    with contextlib.ExitStack() as stack:
        with explaining(real):
            stack.enter_context(lock(real))
            sweep(real.parent, name=real.name)
            aside = Path(tempfile.mkdtemp(prefix=prefix(real, "new"), dir=real.parent))
            stack.callback(shutil.rmtree, aside, ignore_errors=True)
        with explaining(real, aside):
            yield aside


def recover(target: str | Path) -> None:
    """Puts back what a writer, killed between its two renames, had moved away from `target`."""
    real = Path(os.path.realpath(target))
    # A reader may have no permission to write, so lock only where there is something to restore.
    if not real.exists() and any(aside.kind == "old" for aside in find_asides(real.parent, name=real.name)):
        with lock(real):
            sweep(real.parent, name=real.name)


def write_checksums(directory: str | Path, *, to: str = CHECKSUMS) -> None:
    """Writes the SHA-256 of every file below `directory` into one of them, as ``sha256sum -c`` reads it there.

    Args:
        directory: of the files, to which their names are relative.
        to: name of the file of checksums, relative to `directory`.
    """
    directory = Path(directory)
    lines = [f"{sha256(path)}  {name}\n" for name, path in _files(directory, to).items()]
    (directory / to).write_text("".join(lines), encoding="utf-8")


def verify_checksums(directory: str | Path, *, sums: str = CHECKSUMS) -> int:
    """Checks that every file below `directory` is the one that its checksums name, and that there is no other.

    Args:
        directory: of the files.
        sums: name of the file of checksums, relative to `directory`.

    Returns:
        The number of files that were checked.

    Raises:
        DamagedError: a file is missing, changed or not named; or something there is neither file nor directory, or
            leads out of the directory.
    """
    directory = Path(directory)
    try:
        expected = _read_checksums(directory / sums)
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{directory} has no readable {sums}. kzoo did not write this directory, or did not finish it."
        ) from error
    present = _files(directory, sums)
    changed = sorted(name for name in expected.keys() & present.keys() if sha256(present[name]) != expected[name])
    wrong = {
        "missing": sorted(expected.keys() - present.keys()),
        "changed": changed,
        f"not in {sums}": sorted(present.keys() - expected.keys()),
    }
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong.items() if names)
    if found:
        raise DamagedError(f"{directory} is damaged ({found}). Save or copy it again.")
    return len(expected)


def write_json(path: str | Path, value: object) -> None:
    """Writes `value` as indented UTF-8 JSON."""
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_checksums(path: Path) -> dict[str, str]:
    expected: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        digest, _, name = line.partition("  ")
        outside = name.startswith("/") or ".." in name.split("/")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not name or outside or name in expected:
            raise DamagedError(f"{path} is damaged: {line[:200]!r} is not a valid line of checksums.")
        expected[name] = digest
    return expected


def _files(directory: Path, sums: str) -> dict[str, Path]:
    """The files below a directory by their names, but not the file of checksums.

    Raises:
        DamagedError: a link leads out of the directory, or something is neither file nor directory.
    """
    found = {}
    real = Path(os.path.realpath(directory))
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(real):
            raise DamagedError(f"{directory} is damaged: {name} is a link that leads out of it.")
        if path.is_file() and name != sums:
            found[name] = path
        elif not path.is_file() and not path.is_dir():
            raise DamagedError(f"{directory} is damaged: {name} is neither a file nor a directory.")
    return found


def _real(target: Path) -> Path:
    """Where a target is, links followed.

    Raises:
        OSError: nothing can be put there.
    """
    real = Path(os.path.realpath(target))
    if target.is_symlink() and not real.parent.is_dir():
        raise FileNotFoundError(
            f"{target} is a link to {real}, whose folder does not exist. Create the folder or remove the link."
        )
    if real.is_symlink():
        raise OSError(f"{target} is a link to itself. Remove it.")
    if real.exists() and not real.is_dir():
        raise NotADirectoryError(f"{target} is a file, not a directory. Choose another name.")
    if Path.cwd().is_relative_to(real):
        raise OSError(f"{target} contains the working directory of this process. Choose a subfolder or another folder.")
    return real


def _flush(directory: Path) -> None:
    for path in [*directory.rglob("*"), directory]:
        _fsync(path)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(aside: Path, target: Path) -> None:
    old = target.parent / prefix(target, "old")
    if target.exists():
        os.rename(target, old)
    try:
        os.rename(aside, target)
    except BaseException:
        if old.exists():
            os.rename(old, target)
        raise
    _fsync(target.parent)
    shutil.rmtree(old, ignore_errors=True)
