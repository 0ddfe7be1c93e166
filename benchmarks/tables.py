"""Writes the tables of `benchmarks/README.md` and `README.md` from the JSON files in `benchmarks/results/`.

    python benchmarks/tables.py [--check]

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; NAME is a script, as ``texts``. With ``--check``
nothing is written, and the exit code is 1 where a text is not what the JSON says.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import rows
import rows_of_several
from report import RESULTS, Record, records

FILES = (Path(__file__).parent / "README.md", Path(__file__).parents[1] / "README.md")
BLOCK = re.compile(r"(<!-- table: ([\w ,]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[[list[Record]], rows.Rows]] = {
    "texts": rows.texts,
    "recordings": rows.recordings,
    "languages": rows.languages,
    "time_to_accuracy": rows.time_to_accuracy,
    "time_to_accuracy_seeds": rows.time_to_accuracy_seeds,
    "few_shot": rows.few_shot,
    "several_inputs": rows_of_several.several_inputs,
    "tasks_together": rows_of_several.tasks_together,
    "task_sequences": rows_of_several.task_sequences,
    "alignment": rows_of_several.alignment,
    "tabular": rows.tabular,
    "heads": rows.heads,
    "series": rows.series,
    "serving": rows.serving,
    "predict": rows.predict,
    "combining": rows.combining,
    "pretraining": rows.pretraining,
    "feature_throughput": rows.plain,
    "cost_growth": rows.plain,
    "frozen_blocks": rows.plain,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes, or checks; returns 1 where a check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--files", type=Path, nargs="+", default=FILES)
    options = parser.parse_args(arguments)
    stale = []
    for path in options.files:
        text = path.read_text(encoding="utf-8")
        written = render(text, options.results)
        if written != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(written, encoding="utf-8")
    if stale and options.check:
        print(f"{', '.join(stale)}: tables differ from {options.results.name}/. Run python benchmarks/tables.py.")
        return 1
    return 0


def render(text: str, results: Path) -> str:
    """The text with each table made anew.

    Raises:
        ValueError: a marker names no table, or has no end.
    """
    if text.count("<!-- table: ") != len(BLOCK.findall(text)):
        raise ValueError("Each <!-- table: NAME --> needs an <!-- end --> before the next.")
    return BLOCK.sub(lambda found: found[1] + table(found[2], results) + found[3], text)


def table(name: str, results: Path) -> str:
    """One table as Markdown, with the machine below."""
    if name not in TABLES:
        raise ValueError(f"Unknown table {name!r}. Tables: {', '.join(TABLES)}.")
    found = records(name.removesuffix("_seeds"), results)
    if not found:
        return "\nNo finished run is in `results/`.\n\n"
    columns, lines = TABLES[name](found)
    text = markdown(columns, lines)
    marked = any("\\*" in str(cell) for line in lines for cell in line)
    note = (
        f"\\* Other processes used more than {rows.BUSY:.0%} of the machine: these seconds are too high. "
        if marked
        else ""
    )
    return f"\n{text}\n\n{note}{circumstances(found)}\n\n"


def markdown(columns: Sequence[str], lines: Sequence[rows.Row]) -> str:
    """A table."""
    cells = [list(columns), ["---"] * len(columns), *([str(cell) for cell in line] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def circumstances(found: Sequence[Record]) -> str:
    """Machine and versions, each value that occurs, in one line."""
    made = [record["made"] for record in found]
    parts = ["; ".join(sorted({each["machine"] for each in made}))]
    parts.append("Python " + ", ".join(sorted({each["python"] for each in made})))
    names = made[0]["versions"]
    parts += [f"{name} " + ", ".join(sorted({each["versions"].get(name, "?") for each in made})) for name in names]
    commits = sorted({each["commit"] for each in made})
    return f"{parts[0]}; {', '.join(parts[1:])}; kzoo at {', '.join(commits)}."


if __name__ == "__main__":
    sys.exit(main())
