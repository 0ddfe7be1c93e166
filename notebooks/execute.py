"""Executes the notebooks: to see that they run, or with ``--write`` to renew their outputs.

    python notebooks/execute.py [--write] [NAME.ipynb ...]

With real weights and data where they are found (see CONTRIBUTING), else with random weights and small data.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def main() -> int:
    """Executes each notebook in its own kernel; the first error stops."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the outputs")
    parser.add_argument("names", nargs="*", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("KZOO_SHARED", str(HERE.resolve().parents[1] / "shared"))
    for path in options.names or sorted(HERE.glob("*.ipynb")):
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(HERE)}}).execute()
        print(f"{path.name}: {time.perf_counter() - started:.0f} s")
        if options.write:
            nbformat.write(_clean(notebook), path)
    return 0


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
