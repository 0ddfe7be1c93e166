"""Runs of a benchmark by set, method and seed, and what is read from one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from estimates import Answers
from report import Record, Result
from sets import kind

METHODS = {
    "guide": "Keras guide, the best of its epochs on the test split",
    "guide, shuffled": "Keras guide, another order in each epoch; the same",
    "kzoo": "`kzoo.adapt`",
    "TF-IDF": "the best TF-IDF and logistic regression",
    "static": "static embeddings of minilm_l6",
}
ORDER = ("guide", "guide, shuffled", "TF-IDF", "scikit-learn", "from the start", "mobilenet_v2_035", "nano, probe")


def by_set(found: Sequence[Record]) -> list[tuple[str, dict[str, dict[int, Record]]]]:
    """Runs by set, method and seed; development sets first, methods in the order of `ORDER`."""
    nested: dict[str, dict[str, dict[int, Record]]] = {}
    for record in sorted(found, key=lambda record: (order(record), record["job"]["seed"])):
        job = record["job"]
        nested.setdefault(job["set"], {}).setdefault(job["method"], {})[job["seed"]] = record
    return sorted(nested.items(), key=lambda item: (kind(item[0]), item[0]))


def order(record: Record) -> tuple[int, str]:
    """The place of a run's method in `ORDER`, and its name."""
    method = record["job"]["method"]
    return (ORDER.index(method) if method in ORDER else len(ORDER), method)


def accuracies(runs: dict[int, Record]) -> dict[int, float]:
    """The accuracy of each seed."""
    return {seed: run["result"]["accuracy"] for seed, run in runs.items()}


def reached_at(run: Record, rival: Record) -> float | None:
    """Seconds until a run was as good as the best of another."""
    goal = max(accuracy for _, accuracy in rival["result"]["course"])
    return next((moment for moment, accuracy in run["result"]["course"] if accuracy >= goal), None)


def answers_of(result: Result) -> Answers:
    """The labels and the answers of a run."""
    return Answers(np.array(list(result["truth"])), np.array(list(result["answers"])))
