"""Gives verbs disks that are too small, then larger ones, and counts what is lost.

    python tests/faults/full_disks.py [--sizes 10] [--verbs adapt pretrain ...]

A disk is a file system in memory that only the process of the verb sees (Linux; needs the right to mount, which root
has). The verb may come to its end on it, or raise an OSError that names the path and says what to do. Then all files
that are there are read, the disk grows, and the same call has to come to the weights that it would have come to at
once. Prints a line of JSON: how often a disk was full, and what went wrong.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from verbs import VERBS, WEIGHTS, fork, progress, run, wait_for

NEW_MOUNTS, REMOUNT, PRIVATE = 0x20000, 32, 0x4000 | 0x40000
"""CLONE_NEWNS, MS_REMOUNT, and MS_REC | MS_PRIVATE of Linux."""

SMALLEST, LARGEST = 8, 2_000
"""Sizes of the disks, KiB."""

ENOUGH = 1 << 20
"""KiB that every verb can do with."""


def main() -> None:
    """Fills disks, and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=10)
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(fill_disks(options.sizes, Path(folder), verbs=options.verbs)))


def fill_disks(sizes: int, folder: Path, *, verbs: list[str]) -> dict[str, object]:
    """Runs each verb on disks of so many sizes."""
    os.environ["KZOO_CACHE"] = str(folder / "cache")
    found = {"full": dict.fromkeys(verbs, 0), "wrong": []}
    for verb in verbs:
        wait_for(fork(functools.partial(run, verb, folder / f"{verb}-whole")))
        wanted = (folder / f"{verb}-whole" / WEIGHTS).read_text()
        for size in np.geomspace(SMALLEST, LARGEST, sizes).astype(int):
            told = folder / f"{verb}-{size}.json"
            wait_for(fork(functools.partial(on_small_disk, verb, folder / f"{verb}-{size}", int(size), told)))
            result = json.loads(told.read_text())
            found["full"][verb] += result["full"]
            if result["fault"] or result["weights"] != wanted:
                found["wrong"].append(f"{verb} on {size} KiB: {result['fault'] or 'other weights'}")
    return found


def on_small_disk(verb: str, directory: Path, size: int, told: Path) -> None:
    """Runs a verb on a small disk, and again on a large one. Writes what came of it."""
    directory.mkdir()
    _mount(directory, size)
    full, fault = False, ""
    try:
        run(verb, directory)
    except OSError as error:
        full = True
        if str(directory) not in str(error) or "Free some space" not in str(error):
            fault = f"the message does not say what to do: {error}"
    try:
        progress(directory)
    except ValueError as error:
        fault = f"cannot be read: {error}"
    _mount(directory, ENOUGH, flags=REMOUNT)
    run(verb, directory)
    weights = (directory / WEIGHTS).read_text()
    told.write_text(json.dumps({"full": full, "fault": fault, "weights": weights}))


def _mount(directory: Path, size: int, *, flags: int = 0) -> None:
    """Mounts a file system of so many KiB, for this process alone, or changes its size.

    Raises:
        PermissionError: this needs a right that the process has not.
    """
    linux = ctypes.CDLL(None, use_errno=True)
    if not flags and (linux.unshare(NEW_MOUNTS) or linux.mount(b"none", b"/", None, PRIVATE, None)):
        raise PermissionError(ctypes.get_errno(), "A process needs the right to mount.")
    if linux.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", flags, f"size={size}k".encode()):
        raise OSError(ctypes.get_errno(), f"{directory} cannot be mounted with {size} KiB.")


if __name__ == "__main__":
    main()
