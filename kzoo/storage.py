"""Files that are whole or not there: atomic writes, checksums, locks."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

CHECKSUMS = "SHA256SUMS"

NANO = Path(__file__).parent / "nano"
"""Where the weights and vocabularies are that come with kzoo."""


class DamagedError(ValueError):
    """A directory's content is not what was written there."""


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def atomic_directory(target: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """A directory that appears at `target` when the block ends well, and otherwise never.

    What is written goes to a hidden directory beside the target, is flushed to the disk and renamed into place.
    A target that is there already is replaced; between two renames it stands beside as ``.NAME.old-*``. What
    killed processes left behind is swept by the next writer.

    Args:
        target: path of the directory; its parents are made.
        durable: whether it has to survive a power failure too, for which the disk is waited for.
    """
    target = Path(target).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock(target):
        _sweep(target)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
        try:
            yield aside
            if durable:
                _flush(aside)
            aside.chmod(0o777 & ~_umask())
            _swap(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def recover(target: str | Path) -> None:
    """Puts back what a writer, killed between its two renames, had moved away from `target`."""
    target = Path(target).absolute()
    if not target.exists() and target.parent.is_dir():
        with lock(target):
            _sweep(target)


def lock(target: str | Path) -> FileLock:
    """A lock between this user's processes on this machine, for writers of `target`.

    Its file lies in the temporary folder, so that nothing is left beside the target.
    """
    folder = Path(tempfile.gettempdir()) / f"kzoo-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(os.fsencode(Path(target).absolute())).hexdigest()[:32]
    return FileLock(folder / f"{name}.lock")


def write_checksums(directory: str | Path) -> None:
    """Writes the SHA-256 of every file below `directory` into its ``SHA256SUMS``, as ``sha256sum -c`` reads it."""
    directory = Path(directory)
    lines = [f"{sha256(path)}  {path.relative_to(directory).as_posix()}\n" for path in _files(directory)]
    (directory / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def verify_checksums(directory: str | Path) -> None:
    """Raises `DamagedError` unless every file below `directory` is the one that ``SHA256SUMS`` names, and no other."""
    directory = Path(directory)
    _refuse_links_out(directory)
    try:
        lines = (directory / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{directory} has no readable {CHECKSUMS}: kzoo did not write it, or not to its end."
        ) from error
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
    wrong = sorted(set(expected) ^ set(present))
    wrong += sorted(name for name in set(expected) & set(present) if sha256(present[name]) != expected[name])
    if wrong:
        raise DamagedError(
            f"{directory} is damaged: {', '.join(wrong)} differ from {CHECKSUMS}. Save or copy it again."
        )


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented UTF-8 JSON."""
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _files(directory: Path) -> list[Path]:
    own = directory / CHECKSUMS
    return sorted(path for path in directory.rglob("*") if path.is_file() and path != own)


def _refuse_links_out(directory: Path) -> None:
    root = directory.resolve()
    out = sorted(str(path) for path in directory.rglob("*") if not path.resolve().is_relative_to(root))
    if out:
        raise DamagedError(f"{directory} has links that lead out of it: {', '.join(out[:5])}. Copy what they lead to.")


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
    old = target.parent / f".{target.name}.old-{os.getpid()}"
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


def _sweep(target: Path) -> None:
    name = glob.escape(target.name)
    for left in target.parent.glob(f".{name}.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in target.parent.glob(f".{name}.old-*"):
        if target.exists():
            shutil.rmtree(left, ignore_errors=True)
        else:
            os.rename(left, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
