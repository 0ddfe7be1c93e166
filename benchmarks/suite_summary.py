"""What the runs of `suite.py` say, as tables and as a figure.

- Paired differences between ``auto`` and ``plain``, seed by seed on the same test examples, with intervals of 95%.
- The mean of these over the sets of each size, and the sets on which ``auto`` is clearly below ``plain``.
- The mean rank of each method over the sets and sizes where it ran, 1 for the best.
- Calibration of what ``auto`` answers: log loss and expected calibration error (ECE, 15 bins of equally many examples)
  with and without its temperature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from estimates import Estimate, less, mean, score
from matplotlib.figure import Figure
from report import Record, Result
from runs import answers_of
from scipy.stats import rankdata
from sets import FIXED, METRICS, TITLES, kind

from kzoo.core.tables import Table

Case = tuple[str, str]
"""A set and a size."""

Runs = Mapping[str, Mapping[int, Record]]
"""Records by method and seed."""


def tables(found: Sequence[Record]) -> list[Table]:
    """All tables of the finished runs."""
    return [_differences(found), _means(gains_of(found)), _ranks(_by_case(found)), _calibration(found)]


def gains_of(found: Sequence[Record]) -> dict[Case, Estimate]:
    """The score of ``auto`` less that of ``plain``, of each set and size; development sets first."""
    gains = {case: _gain(case[0], runs) for case, runs in _by_case(found).items()}
    return {case: gain for case, gain in gains.items() if gain is not None}


def draw(gains: Mapping[Case, Estimate], path: Path) -> None:
    """Draws the differences with their intervals, one row a set and size."""
    drawn = Figure(figsize=(7, 1.2 + 0.28 * len(gains)), layout="constrained")
    axes = drawn.subplots()
    for place, gain in enumerate(reversed(gains.values())):
        low, high = (gain.value if end is None else end for end in (gain.low, gain.high))
        axes.plot([100 * low, 100 * high], [place, place], color="0.6", linewidth=2)
        axes.plot(100 * gain.value, place, "o", color="black")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(gains)), [f"{TITLES[name]}: {_words(size)}" for name, size in reversed(gains)])
    axes.set_xlabel("kzoo.adapt('auto') less the plain baseline, points (95% intervals)")
    drawn.savefig(path, dpi=150)


def _words(size: str) -> str:
    return "all labels" if size == "full" else f"{size} labels a class"


def _by_case(found: Sequence[Record]) -> dict[Case, dict[str, dict[int, Record]]]:
    nested: dict[Case, dict[str, dict[int, Record]]] = {}
    for record in found:
        job = record["job"]
        nested.setdefault((job["set"], job["size"]), {}).setdefault(job["method"], {})[job["seed"]] = record
    return dict(sorted(nested.items(), key=lambda item: (kind(item[0][0]), item[0])))


def _gain(name: str, runs: Runs) -> Estimate | None:
    if "auto" not in runs or "plain" not in runs:
        return None
    ours, theirs = ({seed: answers_of(run["result"]) for seed, run in runs[each].items()} for each in ("auto", "plain"))
    return less(ours, theirs, METRICS.get(name, "accuracy"), fixed=name in FIXED)


def _score(name: str, runs: Mapping[int, Record]) -> float:
    """The mean score over the seeds."""
    return float(np.mean([score(answers_of(run["result"]), METRICS.get(name, "accuracy")) for run in runs.values()]))


def _seconds(runs: Mapping[int, Record]) -> float:
    return float(np.mean([run["result"]["seconds"] for run in runs.values()]))


def _differences(found: Sequence[Record]) -> Table:
    cases, rows = _by_case(found), []
    for (name, size), gain in gains_of(found).items():
        auto, plain = (cases[name, size][method] for method in ("auto", "plain"))
        scores = [f"{_score(name, each):.3f}" for each in (auto, plain)]
        seconds = [f"{_seconds(each):.0f}" for each in (auto, plain)]
        rows.append((TITLES[name], kind(name), _words(size), *scores, gain.show("+.3f"), *seconds, gain.count))
    columns = ("set", "used for", "size", "auto", "plain", "auto less plain", "auto, s", "plain, s", "seeds")
    return Table(columns, rows, title="Score on the test split, the mean over seeds")


def _means(gains: Mapping[Case, Estimate]) -> Table:
    rows = []
    for use, size in dict.fromkeys((kind(name), size) for name, size in gains):
        these = {name: gain for (name, of), gain in gains.items() if (kind(name), of) == (use, size)}
        below = [TITLES[name] for name, gain in these.items() if gain.high is not None and gain.high < 0]
        average = mean([gain.value for gain in these.values()]).show("+.3f")
        rows.append((use, _words(size), len(these), average, ", ".join(below) or "none"))
    return Table(("used for", "size", "sets", "mean difference", "clearly below plain"), rows)


def _ranks(cases: Mapping[Case, Runs]) -> Table:
    ranks: dict[str, list[float]] = {}
    for (name, _), runs in cases.items():
        methods = [method for method, each in runs.items() if all("truth" in run["result"] for run in each.values())]
        for method, rank in zip(methods, rankdata([-_score(name, runs[each]) for each in methods]), strict=True):
            ranks.setdefault(method, []).append(float(rank))
    ordered = sorted(ranks.items(), key=lambda item: float(np.mean(item[1])))
    return Table(
        ("method", "mean rank", "cases"), [(name, f"{np.mean(each):.2f}", len(each)) for name, each in ordered]
    )


def _calibration(found: Sequence[Record]) -> Table:
    by_set: dict[str, list[Result]] = {}
    for record in found:
        if record["job"]["method"] == "auto":
            by_set.setdefault(record["job"]["set"], []).append(record["result"])
    rows = []
    for name, results in sorted(by_set.items()):
        values = [
            f"{np.mean([result['calibration'][when][what] for result in results]):.4f}"
            for what in ("log_loss", "ece")
            for when in ("before", "after")
        ]
        used = sum(result["temperature"] != 1 for result in results)
        rows.append((TITLES[name], *values, f"{used} of {len(results)}"))
    columns = ("set", "log loss", "calibrated", "ECE", "calibrated ECE", "runs with a temperature")
    return Table(columns, rows, title="Calibration of auto")
