"""Errors of the disk in plain words: what could not be written, where, why, and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kzoo.core.leftovers import size_of

FULL = {
    errno.ENOSPC: "Free some space, or choose another disk.",
    errno.EDQUOT: "Delete some of your files there, or choose another disk.",
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f), or choose another disk.",
}
REFUSED = {
    errno.EACCES: "Choose a folder that you may write.",
    errno.EPERM: "Choose a folder that you may write.",
    errno.EROFS: "Choose a folder on a disk that can be written.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOTDIR: "Choose a path that does not lead through a file.",
    errno.EEXIST: "Choose a path that does not lead through a file.",
    errno.EBUSY: "Choose a subfolder: a disk is mounted there, or another program uses it.",
}


@contextlib.contextmanager
def explaining(target: Path, aside: Path | None = None) -> Iterator[None]:
    """Turns errors of writing into an `OSError` that says what could not be written, and what to do.

    Libraries wrap errors of the system: for a full disk TensorFlow raises ``ResourceExhaustedError`` and h5py
    ``RuntimeError``. Such errors are recognised by the system's message in their text.

    Args:
        target: the path to write.
        aside: the temporary directory of the files that were written so far.

    Raises:
        OSError: of the same number and kind as the system's.
    """
    try:
        yield
    except Exception as error:
        code = _code_of(error, target) or _code_of(error.__cause__, target)
        if code is None:
            raise
        message = f"{target} could not be written: {os.strerror(code)}. {(FULL | REFUSED)[code]}"
        if aside is not None and code in FULL:
            message += f" {size_of(aside) / 1e6:,.1f} MB of it were written{_free(target)}."
        # The target is not touched before the new content is complete.
        explained = type(OSError(code, ""))(f"{message} The previous content is unchanged.")
        explained.errno = code
        raise explained from error


def refuse_unwritable(target: str | Path) -> None:
    """Raises what writing a file would raise, before the work for it; nothing is left there.

    Raises:
        OSError: its folder cannot be written or made, or the path is a directory.
    """
    real = Path(os.path.realpath(target))
    if real.is_dir():
        raise IsADirectoryError(f"{target} is a directory. Choose the path of a file.")
    # Folders that are missing are made when it is written.
    nearest = next(folder for folder in real.parents if folder.exists())
    inside = real if nearest == real.parent else nearest / real.relative_to(nearest).parts[0]
    with explaining(inside), tempfile.TemporaryDirectory(prefix=f".{inside.name}.", dir=nearest):
        pass


def _code_of(error: BaseException | None, target: Path) -> int | None:
    code = getattr(error, "errno", None)
    if code in FULL or (code in REFUSED and _is_about(error, target)):
        return code
    if error is None or isinstance(error, ValueError | TypeError):
        return None
    return next((full for full in FULL if os.strerror(full) in str(error)), None)


def _is_about(error: BaseException | None, target: Path) -> bool:
    """Whether an error is about writing `target`, and not about reading another file."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str):
        return False
    path = Path(os.path.realpath(os.path.dirname(name))) / os.path.basename(name)
    if target.is_relative_to(path):
        return True
    inside = path.relative_to(target.parent).parts if path.is_relative_to(target.parent) else ("",)
    return inside[0].startswith(f".{target.name}.")


def _free(target: Path) -> str:
    try:
        return f", and {shutil.disk_usage(target.parent).free / 1e6:,.1f} MB are free"
    except OSError:
        return ""
