"""Breaks one expression at a time in a copy of kzoo, and checks that the test named for it fails.

    python tests/mutations/run.py                    # all of them, two at a time
    python tests/mutations/run.py --every 10         # a sample, as CI does
    python tests/mutations/run.py --only bootstrap   # those whose name holds a word

A mutation that no test notices is printed as SURVIVED, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("kzoo", "tests", "benchmarks", "notebooks", "pyproject.toml", "setup.cfg", "README.md", "CONTRIBUTING.md")
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
    if len(found) != 1 or found[0][2].count(mutation.old) != 1:
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
        for node in ast.walk(ast.parse(text)):
            bodies = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
            if owner and getattr(node, "name", None) != owner[-1]:
                continue
            for inner in bodies:
                if isinstance(inner, ast.FunctionDef) and inner.name == last:
                    yield path, text, ast.get_source_segment(text, inner) or ""


def run(mutation: Mutation, copy: Path) -> str | None:
    """Applies a mutation to a copy of the project, runs its test, and takes it back.

    Returns:
        None where the test failed, as it should; else what it printed.
    """
    path, text = apply(mutation, copy)
    kept = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    options = ["-n", "0", "-x", "-q", "-m", "not real", "--no-header", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, mutation.test],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    finally:
        path.write_text(kept, encoding="utf-8")
    # 1: tests ran, and some failed. All else means that the test did not judge the fault.
    return None if done.returncode == 1 else done.stdout[-2_000:] + done.stderr[-1_000:]


def run_all(mutations: Sequence[Mutation], *, workers: int = 2) -> list[str]:
    """The names of the mutations that survive."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(_copy(Path(folder) / str(number)))

        def judge(mutation: Mutation) -> str | None:
            copy, started = copies.get(), time.perf_counter()
            try:
                output = run(mutation, copy)
            finally:
                copies.put(copy)
            state = "killed" if output is None else "SURVIVED"
            print(f"{state:8} {time.perf_counter() - started:5.0f} s  {mutation.name}  ({mutation.test})", flush=True)
            if output is not None:
                print(output, flush=True)
            return None if output is None else mutation.name

        return [name for name in pool.map(judge, mutations) if name]


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
    sys.path.insert(0, str(Path(__file__).parent))
    from catalog import MUTATIONS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every n-th")
    parser.add_argument("--only", default="", help="only those whose name or test holds this")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chosen = [each for each in MUTATIONS if options.only in f"{each.name} {each.test}"][:: options.every]
    survived = run_all(chosen, workers=options.workers)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutations killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
