"""One task after another on one backbone: what is forgotten of the first, by how it is remembered.

    KERAS_HOME=... python benchmarks/task_sequences.py DATA [--sets ...] [--methods ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds the sets. The cases, a first and a next task:

- ``material, then objects``: the class of TrashNet's photographs, then CIFAR-10, 100 images a class,
  ``mobilenet_v2_035``;
- ``digit, then speaker``: of FSDD's recordings, ``kzoo_nano_audio``, which a model of digits is tuned to know.

The methods are values of ``remember=``; ``l2sp`` is ``"heads"`` with `kzoo.L2SP`; ``alone``, without ``remember=``,
learns the next task alone. All tune the last two groups with one rate. Scores are on the test split of each task.
"""

from __future__ import annotations

import argparse
from functools import partial

from report import Job, Result, parser, run_all
from sets import few, load
from tasks_together import digit_and_speaker

import kzoo
from kzoo.choosing.forgetting import AFTER, BEFORE, compare_earlier

METHODS = ("alone", "heads", "l2sp", "outputs", "examples", "both")


def material_then_objects(options: argparse.Namespace, seed: int) -> list[kzoo.Classification]:
    """Two data sets of images."""
    first, second = load("trashnet", options.data, seed=seed), load("cifar10", options.data, seed=seed)
    return [kzoo.Classification(each.data()) for each in (first, few(second, 100, seed=seed))]


def digit_then_speaker(options: argparse.Namespace, seed: int) -> list[kzoo.Classification]:
    """Two targets of one data set of recordings."""
    tasks = digit_and_speaker(options, seed)
    return [task for task in tasks.values() if isinstance(task, kzoo.Classification)]


CASES = {
    "material, then objects": (material_then_objects, "mobilenet_v2_035"),
    "digit, then speaker": (digit_then_speaker, "kzoo_nano_audio"),
}


def main() -> None:
    """Runs what is not finished."""
    options = parser(__doc__, sets=CASES, methods=METHODS, seeds=range(3)).parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for seed in options.seeds
        for method in options.methods
    ]
    run_all("task_sequences", jobs, partial(run, options), options=options, arguments={}, apart=True)


def run(options: argparse.Namespace, job: Job) -> Result:
    """The first task, then the next one."""
    make, model = CASES[job["set"]]
    first, second = make(options, job["seed"])
    earlier = kzoo.adapt(model, first, seed=job["seed"], verbose=0)
    how = {"alone": None, "l2sp": "heads"}.get(job["method"], job["method"])
    tune = kzoo.Phase("last:2", epochs=6, learning_rate=1e-3, adapter=kzoo.L2SP() if job["method"] == "l2sp" else None)
    adapted = kzoo.adapt(earlier, second, remember=how, schedule=tune, seed=job["seed"], verbose=0)
    if how is None:
        return {"next": adapted.evaluate()["accuracy"]}
    compared = compare_earlier(adapted, earlier)["task1"]
    gain = compared.difference(AFTER, BEFORE)
    found: Result = {
        "before": compared[BEFORE].value,
        "after": compared[AFTER].value,
        "next": adapted.evaluate()["task2 accuracy"],
    }
    found["gain"] = [gain.value, gain.low, gain.high]
    found["seconds"] = sum(phase.seconds for phase in adapted.record.phases)
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
