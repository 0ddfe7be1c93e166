"""Several tasks on one backbone, beside the same backbone adapted to each of them alone.

    KERAS_HOME=... python benchmarks/tasks_together.py DATA [--sets ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds the sets. The cases:

- ``tweets and reviews``: emotion and irony of tweets (TweetEval) and SST-2, three data sets, ``minilm_l6``, at most
  `--labels` labels a class;
- ``material and light``: the class of TrashNet's photographs, and their mean brightness, ``mobilenet_v2_035``;
- ``material and group``: the class of TrashNet's photographs, and whether that is a fibre (paper, cardboard), a
  container (glass, metal, plastic) or trash;
- ``digit and speaker``: of FSDD's recordings, ``kzoo_nano_audio``; a random fifth is the test split.

Splits are the same for both. Training together comes first, so that it bears what the first training of a process
costs; each training has an empty cache. Seconds are those of the phases, with frozen activations. Gains are paired over
test examples.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from report import Job, Result, parser, run_all
from sets import Split, few, load

import kzoo

Tasks = dict[str, kzoo.Classification | kzoo.Regression]


def tweets_and_reviews(options: argparse.Namespace, seed: int) -> Tasks:
    """Three data sets of texts."""
    splits = {
        name: few(load(name, options.data, seed=seed), options.labels, seed=seed)
        for name in ("emotion", "irony", "sst2")
    }
    return {name: kzoo.Classification(split.data()) for name, split in splits.items()}


def material_and_light(options: argparse.Namespace, seed: int) -> Tasks:
    """Two targets of one data set of images."""
    split = load("trashnet", options.data, seed=seed)
    return {
        "material": kzoo.Classification(split.data()),
        "light": kzoo.Regression(targets(split, lambda path: float(np.asarray(Image.open(path).convert("L")).mean()))),
    }


def material_and_group(options: argparse.Namespace, seed: int) -> Tasks:
    """Two targets of one data set of images, of which one follows from the other."""
    split = load("trashnet", options.data, seed=seed)
    groups = {"paper": "fibre", "cardboard": "fibre", "trash": "trash"}
    grouped = targets(split, lambda path: groups.get(Path(path).parent.name, "container"))
    return {"material": kzoo.Classification(split.data()), "group": kzoo.Classification(grouped)}


def digit_and_speaker(options: argparse.Namespace, seed: int) -> Tasks:
    """Two targets of one data set of recordings."""
    split = load("fsdd", options.data, seed=seed)
    return {
        "digit": kzoo.Classification(split.data()),
        "speaker": kzoo.Classification(targets(split, lambda path: Path(path).stem.split("_")[1])),
    }


def targets(split: Split, of: Any) -> dict[str, tuple[Any, list[Any]]]:
    """The same examples with targets that a function gives for each path."""
    return {name: (inputs, [of(path) for path in inputs]) for name, (inputs, _) in split.data().items()}


CASES = {
    "tweets and reviews": (tweets_and_reviews, "minilm_l6"),
    "material and light": (material_and_light, "mobilenet_v2_035"),
    "material and group": (material_and_group, "mobilenet_v2_035"),
    "digit and speaker": (digit_and_speaker, "kzoo_nano_audio"),
}


def main() -> None:
    """Runs what is not finished."""
    made = parser(__doc__, sets=CASES, seeds=range(3))
    made.add_argument("--labels", type=int, default=200)
    options = made.parse_args()
    jobs = [{"set": name, "method": CASES[name][1], "seed": seed} for name in options.sets for seed in options.seeds]
    arguments = {"labels": options.labels}
    run_all("tasks_together", jobs, partial(run, options), options=options, arguments=arguments, apart=True)


def run(options: argparse.Namespace, job: Job) -> Result:
    """Together, then each alone."""
    tasks = CASES[job["set"]][0](options, job["seed"])
    together, seconds = adapt(job, kzoo.MultiTask(tasks))
    found: Result = {"seconds together": seconds, "tasks": {}}
    for name, task in tasks.items():
        alone, own = adapt(job, task)
        compared = kzoo.compare({"together": together.tasks[name], "alone": alone}, seed=job["seed"])
        gain = compared.difference("together", "alone")
        scores = {one: compared[one].value for one in ("together", "alone")}
        found["tasks"][name] = {**scores, "gain": [gain.value, gain.low, gain.high], "seconds alone": own}
        print(name, found["tasks"][name], flush=True)
    found["share of time"] = seconds / sum(each["seconds alone"] for each in found["tasks"].values())
    return found


def adapt(job: Job, task: object) -> tuple[kzoo.Adapted, float]:
    """An adapted model, and the seconds of its phases, with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["KZOO_CACHE"] = cache
        adapted = kzoo.adapt(job["method"], task, seed=job["seed"], verbose=0)
    return adapted, sum(phase.seconds for phase in adapted.record.phases)


if __name__ == "__main__":
    main()
