"""What all benchmarks share: the command line, one JSON file a run in ``results/``, and the machine it was made on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import kzoo

PACKAGES = ("keras", "tensorflow", "openvino", "scikit-learn", "numpy")
HERE = Path(__file__).parent
RESULTS = HERE / "results"
Job: TypeAlias = dict[str, Any]
"""What tells a run from the others, as set, method and seed."""

Result: TypeAlias = dict[str, Any]
"""The raw numbers of a run, by name; lists and dicts of them, as JSON has them."""

Record: TypeAlias = dict[str, Any]
"""One JSON file: script, job, arguments, the machine it was made on, and the result."""

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def circumstances() -> Result:
    """Versions and machine; no name and no path of it."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    machine = f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    python = platform.python_version()
    return {"machine": machine, "python": python, "kzoo": kzoo.__version__, "commit": _commit(), "versions": versions}


def parser(
    doc: str | None,
    *,
    data: bool = True,
    sets: Iterable[str] = (),
    methods: Iterable[str] = (),
    seeds: Iterable[int] = range(3),
) -> argparse.ArgumentParser:
    """The command line that all scripts share: ``data``, ``--sets``, ``--methods``, ``--seeds``, ``--again``.

    Args:
        doc: of the script.
        data: it needs the folder of all sets.
        sets, methods: names of all; none: the script has no such option.
        seeds: that are run unless told otherwise; none: the script has none.
    """
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        made.add_argument("data", type=Path, help="the folder that holds all sets, as trashnet/ and sst2/")
    for name, values in (("sets", list(sets)), ("methods", list(methods))):
        if values:
            made.add_argument(f"--{name}", nargs="+", default=values, choices=values, metavar=name[:-1].upper())
    if list(seeds):
        made.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    made.add_argument("--again", action="store_true", help="run what is finished once more")
    made.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    return made


def run_all(
    script: str,
    jobs: Iterable[Job],
    run: Callable[[Job], Result],
    *,
    options: argparse.Namespace,
    arguments: Job | None = None,
    apart: bool = False,
) -> None:
    """Runs each job that is not finished, with an empty cache, and writes ``results/SCRIPT/JOB.json`` after each.

    Args:
        script: name of the benchmark.
        jobs: what tells each run from the others, as set, method and seed.
        run: from a job to raw numbers.
        options: of the command line.
        arguments: what else decides the outcome, as a size.
        apart: each job in a process of its own, so that none finds TensorFlow warm and memory used by another. `run`
            must be picklable.

    Raises:
        ValueError: a finished run had other arguments.
    """
    for job in jobs:
        path = options.results / script / f"{slug(job)}.json"
        if path.exists() and not options.again:
            known = json.loads(path.read_text(encoding="utf-8"))["arguments"]
            if known != (arguments or {}):
                raise ValueError(
                    f"{path.name} was made with {known}, not with {arguments}. Use --again, or another --results."
                )
            print(f"{path.name}: is there", flush=True)
            continue
        print(f"{script}: {job}", flush=True)
        # Before the run: files may change while it lasts.
        found = circumstances()
        started, others = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), Others()
        with tempfile.TemporaryDirectory() as cache:
            os.environ["KZOO_CACHE"] = cache
            result = _apart(run, job) if apart else run(job)
        made = {**found, "started": started, "others": others.share()}
        record = {"script": script, "job": job, "arguments": arguments or {}, "made": made, "result": result}
        write(record, path)
        shown = {key: value for key, value in result.items() if isinstance(value, float | int)}
        print(f"{path.name}: {shown}; other processes used {made['others']:.0%} of the machine", flush=True)


def write(record: Record, path: Path) -> None:
    """Writes a record, whole or not at all; lists of numbers stay on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)


def records(script: str, results: Path = RESULTS) -> list[Record]:
    """All finished runs of a script."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((results / script).glob("*.json"))]


def slug(job: Job) -> str:
    """Name of a job's file: ``sst2--minilm_l6-probe--seed0``."""
    parts = [f"{key}{value}" if isinstance(value, int) else str(value) for key, value in job.items()]
    return "--".join(re.sub(r"[^a-zA-Z0-9_%]+", "-", part).strip("-") for part in parts).replace("%", "percent")


def answered(truth: Sequence[str], answers: Sequence[object], classes: Sequence[str]) -> Result:
    """What a model answered on each test example, one character each: the places of the labels in `classes`.

    An answer that is no class, as None for what could not be read, is wrong: it is written as "-".
    """
    places = {str(label): LETTERS[place] for place, label in enumerate(classes)}
    return {
        "classes": list(classes),
        "truth": "".join(places[str(label)] for label in truth),
        "answers": "".join(places.get(str(label), "-") for label in answers),
    }


class Others:
    """Watches how much of the processors other processes use from now on."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.perf_counter(), _busy(), _own()

    def share(self) -> float:
        """Of all processors since then, in [0, 1]; the children of this process, once they ended, are not others."""
        seconds = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        used = (_busy() - self._busy) - (_own() - self._own)
        return round(min(max(used / seconds, 0.0), 1.0), 3)


def _busy() -> float:
    first = next((line for line in _lines("/proc/stat") if line.startswith("cpu ")), "cpu 0 0 0 0 0 0 0 0")
    user, nice, system, _, _, irq, soft, steal = map(int, first.split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    return sum(os.times()[:4])


def _apart(run: Callable[[Job], Result], job: Job) -> Result:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, job).result()


def _commit() -> str:
    """The last commit that changed kzoo itself, and whether its files differ from it."""
    try:
        last, changed = (
            subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout.strip()
            for command in (
                ["git", "log", "-1", "--format=%h", "--", "kzoo"],
                ["git", "status", "--porcelain", "--", "kzoo"],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{last}, changed" if changed else last or "unknown"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
