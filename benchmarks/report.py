"""What all benchmarks print and write: a table, with versions and machine, as text and as JSON."""

import json
import os
import platform
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


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
