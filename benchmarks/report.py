"""What all benchmarks print and write: a table, with versions and machine, as text and as JSON."""

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import kzoo
from kzoo.tables import Table

PACKAGES = ("kzoo", "keras", "tensorflow", "openvino", "scikit-learn", "numpy")


def circumstances() -> dict[str, Any]:
    """Versions and machine."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    machine = f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    return {"machine": machine, "python": platform.python_version(), "kzoo": kzoo.__version__, "versions": versions}


def publish(table: Table, values: dict[str, Any], path: str | None) -> None:
    """Prints a table and where it was made, and writes all values to `path`, if there is one."""
    found = circumstances()
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    print(f"\n{table}\n{found['machine']}; Python {found['python']}; {versions}", flush=True)
    if path:
        Path(path).write_text(json.dumps({**found, **values}, indent=1) + "\n", encoding="utf-8")


def choose(
    doc: str | None, flag: str, *, sets: Iterable[str], methods: Iterable[str], seeds: Iterable[int] = range(3)
) -> argparse.Namespace:
    """What is to be run, from the command line: ``data``, ``sets``, ``seeds``, ``methods`` and ``json``.

    Args:
        doc: of the script.
        flag: what its sets are called.
        sets, methods: names of all.
        seeds: that are run unless told otherwise.
    """
    sets, methods = list(sets), list(methods)
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(flag, dest="sets", nargs="+", default=sets, choices=sets)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--methods", nargs="+", default=methods, choices=methods)
    parser.add_argument("--json", metavar="FILE", help="written after each run; runs that it holds are not repeated")
    return parser.parse_args()


def repeat(
    jobs: Iterable[dict[str, Any]],
    run: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    table: Callable[[list[dict[str, Any]]], Table],
    path: str | None,
) -> None:
    """Runs each job with an empty cache, and publishes what is known after each.

    Args:
        jobs: what tells each from the others.
        run: from a job to what came out.
        table: of all runs so far, each a job and what came out.
        path: file of results; jobs that it holds are not run again.
    """
    runs = json.loads(Path(path).read_text(encoding="utf-8"))["runs"] if path and Path(path).exists() else []
    for job in jobs:
        if not any(job.items() <= known.items() for known in runs):
            with tempfile.TemporaryDirectory() as cache:
                os.environ["KZOO_CACHE"] = cache
                runs.append(job | run(job))
            publish(table(runs), {"runs": runs}, path)


def means(runs: list[dict[str, Any]]) -> Table:
    """One row a set and method: means over seeds."""
    rows = []
    for name, method in dict.fromkeys((run["set"], run["method"]) for run in runs):
        found = [run for run in runs if (run["set"], run["method"]) == (name, method)]
        keys = ("accuracy", "macro-F1", "seconds")
        scores = [statistics.mean(run[key] for run in found) if key in found[0] else None for key in keys]
        each = ", ".join(f"{run['accuracy']:.3f}" for run in found)
        rows.append((name, method, *scores[:2], round(scores[2] or 0.0, 1), len(found), each))
    return Table(("set", "method", "accuracy", "macro-F1", "seconds", "seeds", "accuracy of each"), rows)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
