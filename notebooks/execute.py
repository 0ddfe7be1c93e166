"""Executes the notebooks and compares their outputs with the stored ones; with ``--write`` stores them.

    python notebooks/execute.py [--write] [NAME.ipynb ...]

Compared are the kinds of outputs, and the titles and numbers of rows of tables: what changes with kzoo, not with a
machine. Real weights and data are used where they are found (see CONTRIBUTING), else those that `samples.py` makes up;
then only the kinds are compared.
"""

import argparse
import copy
import os
import re
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

import nbformat
import samples
from nbclient import NotebookClient

HERE = Path(__file__).parent

Outline: TypeAlias = tuple[str, list[str], list[tuple[list[str], int]]]
"""An output's type, its MIME types, and of each table the titles and the number of rows."""


def main() -> int:
    """Executes each notebook in its own kernel; the first error stops. 1 if an output is not as stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the outputs")
    parser.add_argument("names", nargs="*", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("KZOO_SHARED", str(HERE.resolve().parents[1] / "shared"))
    # Figures are drawn inline, and TensorFlow's messages hidden, only where these are not set.
    for name in ("MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL"):
        os.environ.pop(name, None)
    differences = 0
    for path in options.names or sorted(HERE.glob("*.ipynb")):
        started = time.perf_counter()
        stored = nbformat.read(path, as_version=4)
        executed = copy.deepcopy(stored)
        NotebookClient(executed, timeout=1200, resources={"metadata": {"path": str(HERE)}}).execute()
        print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)
        executed = _clean(executed)
        if options.write:
            nbformat.write(executed, path)
        else:
            differences += report_differences(path.name, stored, executed)
    return 1 if differences else 0


def report_differences(name: str, stored: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> int:
    """Prints each cell whose outputs are not like the stored ones, and returns how many there are."""
    count = 0
    for number, (old, new) in enumerate(zip(stored.cells, executed.cells, strict=True)):
        before, now = (outline(cell, tables=samples.REAL) for cell in (old, new))
        if before != now:
            count += 1
            print(f"{name}, cell {number}:\n  stored   {before}\n  executed {now}")
    if count:
        print(f"To store the new outputs: python notebooks/execute.py --write notebooks/{name}")
    return count


def outline(cell: nbformat.NotebookNode, *, tables: bool = True) -> list[Outline]:
    """The outputs of a cell, without their values; without `tables`, only their kinds."""
    found: list[Outline] = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        page = _Tables()
        page.feed(data.get("text/html", ""))
        found.append((output.output_type, sorted(data), page.found if tables else []))
    return found


class _Tables(HTMLParser):
    """The titles and the number of rows of each table of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[list[str], int]] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Starts a table, a row or a title."""
        if tag == "table":
            self.found.append(([], 0))
        elif tag == "tr" and self.found:
            titles, rows = self.found[-1]
            self.found[-1] = (titles, rows + 1)
        self._in_title = tag == "th" and bool(self.found) and self.found[-1][1] == 1

    def handle_endtag(self, tag: str) -> None:
        """Ends a title."""
        self._in_title = self._in_title and tag != "th"

    def handle_data(self, data: str) -> None:
        """Keeps a title, unless it names the best model, which differs between machines."""
        if self._in_title and not data.startswith("against "):
            self.found[-1][0].append(data.strip())


def _clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without progress bars, and without paths of this machine."""
    for cell in notebook.cells:
        cell.get("metadata", {}).pop("execution", None)
        outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        if "outputs" in cell:
            cell["outputs"] = [output for output in outputs if not _is_widget(output)]
    text = nbformat.writes(notebook)
    text = re.sub(r"/[^\s\"<>']*/shared/", "shared/", text)
    text = re.sub(r"/tmp/[^/\s\"<>']*/", "", text)
    cleaned = nbformat.reads(text, as_version=4)
    cleaned.metadata.pop("widgets", None)
    return cleaned


def _is_widget(output: nbformat.NotebookNode) -> bool:
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


if __name__ == "__main__":
    sys.exit(main())
