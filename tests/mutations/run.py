"""Breaks one expression at a time in a copy of kzoo, and checks that the test named for it fails.

    python tests/mutations/run.py                    # all of them, two at a time
    python tests/mutations/run.py --every 10         # a sample, as CI does
    python tests/mutations/run.py --only views soup  # those whose name or test holds one of these words

The tests are run once on the unchanged copy first: one that fails there would kill everything. A mutation that no test
notices is printed as SURVIVED, and the exit code is 1.

TensorFlow is imported once; each mutation is judged in a fork of that process.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("kzoo", "tests", "benchmarks", "notebooks", "pyproject.toml", "setup.cfg", "README.md", "CONTRIBUTING.md")
PRELOADED = (
    "tensorflow",
    "keras",
    "pytest",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "tqdm.auto",
)
SECONDS = 600
"""After which a test that hangs counts as failed."""


@dataclass(frozen=True)
class Mutation:
    """One fault.

    Args:
        name: what is wrong then, for a reader.
        function: name of the function, or ``Class.method``, wherever it stands in kzoo.
        old: an expression in it, as it is written; it stands there once.
        new: what is put in its place.
        test: the test that must fail, ``FILE`` or ``FILE::NAME``.
    """

    name: str
    function: str
    old: str
    new: str
    test: str


def apply(mutation: Mutation, root: Path) -> tuple[Path, str]:
    """The file below `root` that a mutation changes, and its text with the fault.

    Raises:
        LookupError: the expression is in no function of that name, or in several, or there twice.
    """
    found = [(path, text, span) for path, text, span in _functions(mutation.function, root) if mutation.old in span]
    if len(found) != 1 or found[0][2].count(mutation.old) != 1 or found[0][1].count(found[0][2]) != 1:
        places = ", ".join(str(path.relative_to(root)) for path, _, _ in found) or "no file"
        raise LookupError(f"{mutation.name}: {mutation.old!r} of {mutation.function!r} is in {places}, or there twice.")
    path, text, span = found[0]
    return path, text.replace(span, span.replace(mutation.old, mutation.new))


def _functions(name: str, root: Path) -> Iterator[tuple[Path, str, str]]:
    """File, its text, and the function's source, of each function of a name."""
    *owner, last = name.split(".")
    for path in sorted((root / "kzoo").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"def {last}(" not in text:
            continue
        for node in ast.walk(_parsed(text)):
            bodies = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
            if owner and getattr(node, "name", None) != owner[-1]:
                continue
            for inner in bodies:
                if isinstance(inner, ast.FunctionDef) and inner.name == last:
                    yield path, text, ast.get_source_segment(text, inner) or ""


_parsed = functools.cache(ast.parse)


@dataclass
class _Job:
    """A run of pytest in a fork.

    Args:
        pid: of the fork, which leads a process group.
        output: the file that it writes to.
        started: on the clock of `time.perf_counter`.
    """

    pid: int
    output: Path
    started: float

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def poll(self) -> int | None:
        """The exit code of pytest, 1 for one that took too long; None while it runs."""
        if self.seconds > SECONDS:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return 1
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def text(self) -> str:
        """The end of what it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-3_000:]


def start(tests: Sequence[str], copy: Path) -> _Job:
    """Runs tests of a copy of the project in a fork of this process."""
    output = copy / "output.txt"
    pid = os.fork()
    if pid == 0:
        _become_pytest(tests, copy, output)
    return _Job(pid, output, time.perf_counter())


def _become_pytest(tests: Sequence[str], copy: Path, output: Path) -> NoReturn:
    code = 70
    try:
        os.setpgid(0, 0)
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(copy)
        sys.path[0] = str(copy)
        # For the processes that tests start.
        os.environ["PYTHONPATH"] = str(copy)
        import pytest

        options = ["-n", "0", "-x", "-q", "-m", "not real", "--no-header", "-p", "no:cacheprovider"]
        code = int(pytest.main([*options, f"--basetemp={copy / 'temporary'}", *tests]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def preload() -> None:
    """Imports what all tests import, and nothing of kzoo. No fork may come after the first use of TensorFlow."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        # What TensorFlow says of the machine comes before it can be told not to.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            for name in PRELOADED:
                importlib.import_module(name)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def run_all(mutations: Sequence[Mutation], *, workers: int = 2) -> list[str]:
    """The names of the mutations that survive.

    Raises:
        RuntimeError: one of their tests fails without any mutation.
    """
    preload()
    survived: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        free = [_copy(Path(folder) / str(number)) for number in range(workers)]
        _check_tests(mutations, free[0])
        waiting, running = list(mutations), {}
        while waiting or running:
            while waiting and free:
                mutation, copy = waiting.pop(0), free.pop()
                path, text = apply(mutation, copy)
                kept = path.read_text(encoding="utf-8")
                path.write_text(text, encoding="utf-8")
                running[copy] = mutation, path, kept, start([mutation.test], copy)
            for copy, (mutation, path, kept, job) in list(running.items()):
                code = job.poll()
                if code is not None:
                    path.write_text(kept, encoding="utf-8")
                    del running[copy]
                    free.append(copy)
                    # 1: tests ran, and some failed. All else means that the test did not judge the fault.
                    print(
                        f"{'killed' if code == 1 else 'SURVIVED':8} {job.seconds:5.0f} s  {_line(mutation)}", flush=True
                    )
                    if code != 1:
                        print(f"exit code {code}\n{job.text()}", flush=True)
                        survived.append(mutation.name)
            time.sleep(0.05)
    return survived


def _line(mutation: Mutation) -> str:
    return f"{mutation.name}  ({mutation.test})"


def _check_tests(mutations: Sequence[Mutation], copy: Path) -> None:
    """Raises where a test fails that nothing was broken for."""
    tests = list(dict.fromkeys(mutation.test for mutation in mutations))
    job = start(tests, copy)
    while (code := job.poll()) is None:
        time.sleep(0.05)
    if code != 0:
        raise RuntimeError(f"A test fails, or is not there, without any mutation (exit code {code}):\n{job.text()}")
    print(f"{len(tests)} tests pass without a mutation, in {job.seconds:.0f} s", flush=True)


def _copy(folder: Path) -> Path:
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, folder / name)
    return folder


def main() -> int:
    """Runs those that are asked for."""
    # `catalog` imports this module, by its name.
    sys.modules["run"] = sys.modules[__name__]
    from catalog import MUTATIONS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every n-th")
    parser.add_argument("--only", nargs="+", default=[""], help="only those whose name or test holds one of these")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = [each for each in MUTATIONS if any(word in f"{each.name} {each.test}" for word in options.only)]
    chosen = chosen[:: options.every]
    survived = run_all(chosen, workers=options.workers)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutations killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
