"""Columns and rows of the tables of several inputs, several tasks and aligned backbones, from the records of runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from estimates import clipped, mean
from rows import Records, Row, Rows, seeds_of
from runs import by_set


def several_inputs(found: Records) -> Rows:
    """One row a set and what is answered of which inputs: means over the seeds, each of which draws its test split."""
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            results = {seed: run["result"] for seed, run in runs.items()}
            scores = {
                each: [one["scores"][each] for one in results.values()]
                for each in next(iter(results.values()))["scores"]
            }
            gains = {
                each: _gain([one["gains"][each] for one in results.values()])
                for each in next(iter(results.values()))["gains"]
            }
            metric = "R2" if name == "houses" else "accuracy"
            used = "reporting" if name == "houses" else "development"
            lines += [
                (name, used, method, each, metric, mean(values).show(), gains.get(each, ""), seeds_of(runs))
                for each, values in scores.items()
            ]
    return ("set", "used for", "fused by", "answered from", "metric", "score", "gain", "seeds"), lines


def _gain(found: Sequence[Mapping[str, Any]]) -> str:
    """The mean of a gain over the seeds, and over what it is in most of them."""
    return f"{mean([each['gain'][0] for each in found]).show('+.3f')} over {statistics.mode(e['over'] for e in found)}"


def tasks_together(found: Records) -> Rows:
    """One row a task: together with the others and alone, and what share of the time of training apart it took."""
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            results = [run["result"] for run in runs.values()]
            share = mean([each["share of time"] for each in results]).show()
            for task in results[0]["tasks"]:
                own = [each["tasks"][task] for each in results]
                scores = [mean([each[how] for each in own]).show() for how in ("together", "alone")]
                lines.append((name, method, task, *scores, "; ".join(map(_interval, own)), share, seeds_of(runs)))
    columns = ("case", "backbone", "task", "together", "alone", "gain of each seed", "share of time", "seeds")
    return columns, lines


def task_sequences(found: Records) -> Rows:
    """One row a way of remembering: the earlier task before and after the next one, and the next one."""
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            results = [run["result"] for run in runs.values()]
            kept = [each for each in results if "before" in each]
            earlier = [mean([each[when] for each in kept]).show() if kept else "" for when in ("before", "after")]
            gains = "; ".join(map(_interval, kept))
            lines.append((name, method, *earlier, gains, mean([r["next"] for r in results]).show(), seeds_of(runs)))
    return ("case", "remembered by", "before", "after", "change of each seed", "next task", "seeds"), lines


def _interval(task: Mapping[str, Any]) -> str:
    value, low, high = task["gain"]
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def alignment(found: Records) -> Rows:
    """One row a set whose classes are known by name, and one a direction of retrieval: means over the seeds."""
    lines: list[Row] = []
    for name, methods in by_set(found):
        for method, runs in methods.items():
            results = [run["result"] for run in runs.values()]
            for scored in results[0]["scores"]:
                value = _above_chance([each["scores"][scored] for each in results])
                lines.append((name, method, f"classes of {scored}", "above chance", value, seeds_of(runs)))
            if len(results[0]["scores"]) > 3:
                value = _above_chance([statistics.mean(each["scores"].values()) for each in results])
                lines.append((name, method, "mean of these", "above chance", value, seeds_of(runs)))
                continue
            for direction in results[0]["retrieval"]:
                for metric in ("recall@1", "recall@5"):
                    value = mean([each["retrieval"][direction][metric] for each in results]).show()
                    lines.append((name, method, direction, metric, value, seeds_of(runs)))
    return ("pairs", "towers", "answered", "metric", "score", "seeds"), lines


def _above_chance(scores: Sequence[float]) -> str:
    return clipped(mean(list(scores)), -1.0, 1.0).show()
