"""Heads that are solved on frozen features, beside logistic regression: accuracy, and the seconds that they take.

    KERAS_HOME=... python benchmarks/heads.py DATA [--sets trashnet ...] [--seeds 0 1 2] [--labels 100] [--again]

DATA is the folder that holds the sets. At most `--labels` labels a class are used, a fifth of them for validation. All
heads of a run answer the same test examples from the same features, which are computed before the first of them.
Seconds are wall clock of `kzoo.adapt`, which finds them in the cache. Gains over logistic regression are paired over
test examples.
"""

from __future__ import annotations

import argparse
import functools
import time

from report import Job, Result, parser, run_all
from sets import few, load

import kzoo
from kzoo.specs.catalog.classical_heads import BEST, CLASSICAL_HEADS

BACKBONES = {
    "trashnet": "mobilenet_v2_035",
    "cifar10": "mobilenet_v2_035",
    "fsdd": "kzoo_nano_audio",
    "sst2": "minilm_l6",
    "hymenoptera": "mobilenet_v2_035",
    "signs": "mobilenet_v2_035",
    "emotion": "minilm_l6",
    "irony": "minilm_l6",
}
HEADS = {"logistic": None, **{name: name for name in CLASSICAL_HEADS}, BEST: BEST}


def main() -> None:
    """Runs what is not finished."""
    made = parser(__doc__, sets=BACKBONES, seeds=range(3))
    made.add_argument("--labels", type=int, default=100)
    options = made.parse_args()
    jobs = [{"set": name, "method": BACKBONES[name], "seed": seed} for name in options.sets for seed in options.seeds]
    run_all(
        "heads",
        jobs,
        functools.partial(run, options),
        options=options,
        arguments={"labels": options.labels},
        apart=True,
    )


def run(options: argparse.Namespace, job: Job) -> Result:
    """Each head once."""
    split = few(load(job["set"], options.data, seed=job["seed"]), options.labels, seed=job["seed"])

    def adapt(head: str | None) -> kzoo.Adapted:
        task = kzoo.Classification(split.data())
        return kzoo.adapt(job["method"], task, schedule="linear_probe", head=head, seed=job["seed"], verbose=0)

    adapt(None)
    models, seconds = {}, {}
    for name, head in HEADS.items():
        started = time.perf_counter()
        models[name] = adapt(head)
        seconds[name] = time.perf_counter() - started
    compared = kzoo.compare(models, seed=job["seed"])
    gains = {name: compared.difference(name, "logistic") for name in HEADS if name != "logistic"}
    return {
        "accuracy": {name: compared[name].value for name in HEADS},
        "gain": {name: [gain.value, gain.low, gain.high] for name, gain in gains.items()},
        "seconds": seconds,
        "chosen": models[BEST].head.kind,
    }


if __name__ == "__main__":
    main()
