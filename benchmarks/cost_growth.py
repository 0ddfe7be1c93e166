"""What `kzoo.adapt` costs as the work grows: seconds and peak memory by images, epochs and views.

    KERAS_HOME=... python benchmarks/cost_growth.py DATA [--model mobilenet_v2_035] [--again]

DATA is the folder that holds ``trashnet/``. Each run is a process of its own, with an empty cache of activations,
around 1000 images, 5 epochs and 4 views. Memory is the process's largest (VmHWM), and the largest that is its own, not
files' (RssAnon).
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from report import Job, Result, parser, run_all

import kzoo

IMAGES, EPOCHS, VIEWS = (250, 500, 1000, 2000), (1, 5, 20), (1, 2, 4, 8)
MIDDLE = (1000, 5, 4)


def main() -> None:
    """Runs one process a row; with ``--one``, is such a process."""
    made = parser(__doc__, seeds=())
    made.add_argument("--model", default="mobilenet_v2_035")
    made.add_argument("--one", type=int, nargs=3, help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.one:
        print(json.dumps(one(options.data, options.model, *options.one)))
        return
    works = [(images, *MIDDLE[1:]) for images in IMAGES]
    works += [(MIDDLE[0], epochs, min(MIDDLE[2], epochs)) for epochs in EPOCHS]
    works += [(MIDDLE[0], max(MIDDLE[1], views), views) for views in VIEWS]
    jobs = [dict(zip(("images", "epochs", "views"), work, strict=True)) for work in dict.fromkeys(works)]

    def run(job: Job) -> Result:
        values = map(str, job.values())
        command = [sys.executable, __file__, str(options.data), "--model", options.model, "--one", *values]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    run_all("cost_growth", jobs, run, options=options, arguments={"model": options.model})


def one(data: Path, model: str, images: int, epochs: int, views: int) -> dict[str, float]:
    """Adapts once."""
    files = sorted((data / "trashnet").glob("*/*"))
    chosen = files[:: max(len(files) // images, 1)][:images]
    task = kzoo.Classification(([str(path) for path in chosen], [path.parent.name for path in chosen]))
    own = Own()
    own.start()
    started = time.perf_counter()
    adapted = kzoo.adapt(model, task, schedule=kzoo.lp_ft(epochs=epochs, views=views))
    seconds = time.perf_counter() - started
    own.stop.set()
    own.join()
    phases = adapted.record.phases
    trunk = sum(phase.trunk_seconds for phase in phases)
    tail = sum(phase.seconds for phase in phases) - trunk
    return {
        "total, s": round(seconds, 1),
        "trunk, s": round(trunk, 1),
        "tail, s": round(tail, 1),
        "VmHWM, MB": round(status("VmHWM")),
        "RssAnon, MB": round(own.most),
    }


class Own(threading.Thread):
    """Watches how much memory is the process's own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.most = 0.0

    def run(self) -> None:
        """Looks ten times a second."""
        while not self.stop.wait(0.1):
            self.most = max(self.most, status("RssAnon"))


def status(name: str) -> float:
    """A figure of /proc/self/status, MB."""
    lines: list[Any] = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


if __name__ == "__main__":
    main()
