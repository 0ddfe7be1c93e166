"""Locks: one writer of a target at a time, whatever path leads to it; and which processes are alive.

filelock does the locking. It neither names the holder nor removes its file, and says nothing of dead processes; psutil
would, but two lines of ``/proc`` need no compiled dependency.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

LOG = logging.getLogger("kzoo")

PATIENCE = 2.0
"""Seconds that a process waits for a lock before it says so."""

MARK = r"[0-9a-f]{8}-\d+-\d+"
"""Regular expression of the results of `mark`."""


@contextlib.contextmanager
def lock(target: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Locks `target` for one process and one thread, which alone may write it.

    The lock is a hidden file ``.NAME.lock`` beside the real target, so that other spellings, links and temporary
    folders lead to the same lock. It names its holder. It is removed when the lock is released; the file that a killed
    process leaves behind locks nothing.

    Args:
        target: file or directory; it need not exist. Its folder is made.
        wait: whether to wait for another holder. After `PATIENCE` seconds a warning of the logger ``kzoo`` names it.

    Raises:
        filelock.Timeout: another process or thread holds it, and `wait` is False.
        OSError: the folder cannot be written.
    """
    real = Path(os.path.realpath(target))
    real.parent.mkdir(parents=True, exist_ok=True)
    path = real.parent / f".{real.name}.lock"
    # Everyone who can write the folder can open the lock file, so another user's stale file is not in the way.
    held = FileLock(path, mode=0o666 & ~umask())
    _acquire(held, real, wait=wait)
    # On file systems without flock, filelock uses soft locks and writes their content itself.
    ours = not isinstance(held, SoftFileLock)
    made = path.stat() if ours else None
    try:
        if made:
            _sign(path)
        yield
    finally:
        if made:
            _remove(path, made)
        held.release()


def holder_of(target: str | Path) -> str:
    """Who holds the lock of a target, as words for a message."""
    real = Path(os.path.realpath(target))
    return _holder(real.parent / f".{real.name}.lock")


def mark() -> str:
    """An identifier of this process for names of files: the machine, the process id and the start time."""
    return f"{_machine()}-{os.getpid()}-{_started(os.getpid())}"


def state_of(found: str) -> str:
    """Whether a `mark` is of an ``"alive"`` process, of one that is ``"gone"``, or made ``"elsewhere"``."""
    machine, process, started = found.split("-")
    if machine != _machine():
        return "elsewhere"
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return "gone"
    except PermissionError:
        pass  # It is another user's.
    # Another process may have the same id by now.
    return "alive" if str(_started(int(process))) == started else "gone"


def umask() -> int:
    """The permission bits that this process removes from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _acquire(held: FileLock, real: Path, *, wait: bool) -> None:
    patience = PATIENCE if wait else 0.0
    while True:
        try:
            held.acquire(timeout=patience)
            return
        except Timeout:
            if not wait:
                raise
            LOG.warning("Waiting for %s, which writes %s", _holder(Path(held.lock_file)), real)
            patience = -1.0
        except OSError as error:
            # Another machine removed the lock file when it released the lock (NFS).
            if error.errno != errno.ESTALE:
                raise


def _sign(path: Path) -> None:
    values = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    # The lock holds even where a full disk leaves no room for this.
    with contextlib.suppress(OSError):
        path.write_text(json.dumps(values), encoding="utf-8")


def _remove(path: Path, made: os.stat_result) -> None:
    """Removes the lock file while it is locked. A waiting process sees that its file is gone and opens the new one."""
    with contextlib.suppress(OSError):
        # The file may be gone already, or belong to another process.
        if os.path.samestat(path.stat(), made):
            path.unlink()


def _holder(path: Path) -> str:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return f"process {values['process']:d} on {values['host']} (since {values['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _machine() -> str:
    """A hash of the host and, on Linux, of the process namespace: containers may share the name of a host."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8]


def _started(process: int) -> int:
    """When a process started, in ticks since the machine did; 0 where that is not known."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    # The name of the program, in parentheses, may hold anything.
    found = re.match(r"(?:\S+ ){19}(\d+)", text[text.rindex(")") + 2 :])
    return int(found[1]) if found else 0
