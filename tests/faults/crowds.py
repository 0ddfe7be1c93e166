"""Lets four processes at once use one cache, one run directory, and one directory of exports.

    python tests/faults/crowds.py [--processes 4]

Each process adapts the same network with the same run directory. One trains; the others say that the directory is in
use, and by whom. Then each exports to the same directory. Prints a line of JSON: how each process ended, and the
versions that were exported.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
from pathlib import Path

import keras
from verbs import PHASE, fork, images, network, wait_for

import kzoo
from kzoo.models.weights import digest_of


def main() -> None:
    """Starts the processes, and prints how they ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(crowd(options.processes, Path(folder))))


def crowd(processes: int, folder: Path) -> dict[str, object]:
    """How so many processes ended."""
    os.environ["KZOO_CACHE"] = str(folder / "cache")
    started = [fork(functools.partial(adapt, folder, number)) for number in range(processes)]
    for process in started:
        wait_for(process)
    ends = [json.loads((folder / f"{number}.json").read_text()) for number in range(processes)]
    versions = sorted(path.name for path in (folder / "served").iterdir() if not path.name.startswith("."))
    return {"ends": ends, "versions": versions, "left": [path.name for path in (folder / "served").glob(".*")]}


def adapt(folder: Path, number: int) -> None:
    """Adapts and exports; notes the weights, or why it may not use the run directory."""
    keras.utils.set_random_seed(0)
    options = {"schedule": [kzoo.LinearProbe(), PHASE], "verbose": 0}
    try:
        adapted = kzoo.adapt(network(), kzoo.Classification(images()), directory=folder / "run", **options)
        found = {"weights": digest_of(adapted.network.get_weights()), "refused": ""}
    except ValueError as error:
        found = {"weights": "", "refused": str(error)}
        keras.utils.set_random_seed(0)
        adapted = kzoo.adapt(network(), kzoo.Classification(images()), **options)
    adapted.export(folder / "served")
    (folder / f"{number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
