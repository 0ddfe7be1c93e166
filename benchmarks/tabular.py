"""Scores on tables that scikit-learn ships: backbones for rows, and the models of scikit-learn that are usual for rows.

    python benchmarks/tabular.py [--sets iris wine ...] [--methods row_mlp] [--seeds 0 1 2 3 4] [--again]

A tenth of the rows is the test split and another the validation split, drawn anew for each seed. All models get the
same rows: those of scikit-learn are fitted on training and validation rows together, with defaults; the penalty of
logistic and ridge regression is chosen on validation. Scores are accuracies; of diabetes R2. The sets were used for no
choice.
"""

from __future__ import annotations

import argparse
import functools
import time

from report import Job, Result, parser, run_all
from sklearn import datasets

import kzoo
from kzoo.choosing.alternatives import alternatives_of
from kzoo.choosing.yardstick import merits
from kzoo.task_kinds.kind_registry import get_task_kind

SETS = {
    "iris": (kzoo.Classification, datasets.load_iris),
    "wine": (kzoo.Classification, datasets.load_wine),
    "breast cancer": (kzoo.Classification, datasets.load_breast_cancer),
    "digits": (kzoo.Classification, datasets.load_digits),
    "diabetes": (kzoo.Regression, datasets.load_diabetes),
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
    task, load = SETS[job["set"]]
    started = time.perf_counter()
    adapted = kzoo.adapt(job["method"], task(load(), seed=job["seed"]), seed=job["seed"], verbose=0)
    seconds, splits, kind = time.perf_counter() - started, adapted.splits(), get_task_kind(adapted.kind)
    outputs = {job["method"]: adapted.outputs(splits.test)}
    for name, alternative in alternatives_of(adapted)[1].items():
        outputs[name] = alternative(adapted, splits, job["seed"])
    scores = {name: float(merits(kind, found, splits.test.targets).mean()) for name, found in outputs.items()}
    return {"seconds": seconds, "rows": sum(adapted.record.sizes.values()), **scores}


if __name__ == "__main__":
    main()
