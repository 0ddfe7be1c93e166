"""Kills verbs at random moments, lets them go on, and counts what is lost.

    python tests/faults/kills.py [--kills 200] [--seed 0] [--verbs adapt pretrain ...]

A checkpoint is written before every step. After each kill, everything that was written is read; now and then the kill
comes between the two renames of a replacement. After a few kills the verb may come to its end, and its weights are
compared with those of a run that was not killed. Prints a line of JSON: kills by verb, and how many kills left
something that cannot be read, went back behind a checkpoint, or changed weights.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
from verbs import VERBS, WEIGHTS, fork, progress, run, wait_for

from kzoo.core.storage import DamagedError

MOST = 3
"""Kills of one run."""

BETWEEN = 0.25
"""Share of the kills that come between two renames, where a directory is replaced."""


def main() -> None:
    """Kills, and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(count_losses(options.kills, Path(folder), seed=options.seed, verbs=options.verbs)))


def count_losses(kills: int, folder: Path, *, seed: int, verbs: list[str]) -> dict[str, object]:
    """Kills as often as that, each verb in turn."""
    rng = np.random.default_rng(seed)
    os.environ["KZOO_CACHE"] = str(folder / "cache")
    wanted, seconds = {}, {}
    for verb in verbs:
        started = time.monotonic()
        wait_for(fork(functools.partial(run, verb, folder / f"{verb}-whole")))
        seconds[verb] = time.monotonic() - started
        wanted[verb] = (folder / f"{verb}-whole" / WEIGHTS).read_text()
    found = {"kills": dict.fromkeys(verbs, 0), "between renames": 0, "unreadable": [], "lost": [], "changed": []}
    counts = found["kills"]
    for number in range(1_000_000):
        if sum(counts.values()) >= kills:
            return found
        verb = verbs[number % len(verbs)]
        directory, before = folder / f"{verb}-{number}", (0, 0, 0)
        for _ in range(MOST):
            between = int(rng.integers(1, 9)) if rng.random() < BETWEEN else 0
            process = fork(functools.partial(run, verb, directory, between=between))
            if not end(process, after=None if between else rng.uniform(0.0, seconds[verb])):
                break
            counts[verb] += 1
            found["between renames"] += bool(list(directory.rglob(".*.old-*")))
            place = f"{verb}, run {number}, kill {counts[verb]}"
            try:
                now = progress(directory)
            except (DamagedError, ValueError) as error:
                found["unreadable"].append(f"{place}: {error}")
                break
            if now < before:
                found["lost"].append(f"{place}: from {before} to {now}")
            before = now
        if not (directory / WEIGHTS).exists():
            wait_for(fork(functools.partial(run, verb, directory)))
        if (directory / WEIGHTS).read_text() != wanted[verb]:
            found["changed"].append(f"{verb}, run {number}")
        shutil.rmtree(directory)
    return found


def end(process: int, *, after: float | None) -> bool:
    """Kills a process after some seconds, unless it kills itself. Returns whether it was killed.

    Raises:
        RuntimeError: it failed.
    """
    if after is not None:
        time.sleep(after)
        os.kill(process, signal.SIGKILL)
    return wait_for(process)


if __name__ == "__main__":
    main()
