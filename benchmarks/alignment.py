"""Two backbones in one space: retrieval, and classes that are known by their names alone.

    KERAS_HOME=... python benchmarks/alignment.py DATA [--sets ...] [--methods solved tuned] [--seeds 0 1 2] [--again]

DATA is the folder that holds the sets. The cases:

- ``names``: one photograph of each of the 1,000 classes of ImageNet beside the name of its class, `mobilenet_v2_035`
  and `minilm_l6`. Retrieval is measured on a tenth of the pairs. The names of the classes of three other sets classify
  their images, without a labelled one: hymenoptera, TrashNet, and 1,000 test images of CIFAR-10. The weights of
  `mobilenet_v2_035` were trained on the classes of ImageNet, ants and bees among them.
- ``digits``: images of digits (scikit-learn's) beside recordings of the same digits (FSDD), `kzoo_nano_image` and
  `kzoo_nano_audio`. The pairs have eight digits; images of the other two are told apart by the mean of 20 recordings of
  each. Five times, with another two digits.

Scores are balanced accuracies, corrected for chance: 0 is a guess, 1 is all right. ``tuned`` tunes the backbone of the
second input, towards the embeddings of the first, which stay.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from report import Job, Result, parser, run_all
from sets import load
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score

import kzoo

METHODS = {"solved": False, "tuned": True}


def enumerate_names(names: str) -> list[tuple[str, str]]:
    """Each name after its number, as text."""
    return [(str(number), name) for number, name in enumerate(names.split())]


NAMES = {
    "hymenoptera": {"ants": "ant", "bees": "bee"},
    "trashnet": {},
    "cifar10": dict(enumerate_names("airplane automobile bird cat deer dog frog horse ship truck")),
}
"""What classes are called, by set, where it is not the name of the class."""

MOST = 1_000
"""Images of a set, at most."""

HELD_OUT = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
DESCRIBING = 20


def above_chance(truth: Sequence[Any], answers: Sequence[Any]) -> float:
    """Balanced accuracy, 0 for a guess and 1 for all right."""
    return float(balanced_accuracy_score(truth, answers, adjusted=True))


def retrieval(aligned: kzoo.Aligned) -> dict[str, Any]:
    """Recall and median rank both ways, on the test pairs."""
    found = aligned.evaluate()
    return {
        f"{query} to {searched}": {
            "recall@1": each.recall(1).value,
            "recall@5": each.recall(5).value,
            "median rank": each.median_rank,
            "candidates": each.candidates,
        }
        for (query, searched), each in found.directions.items()
    }


def run_names(options: argparse.Namespace, job: Job) -> Result:
    """Photographs beside the names of their classes."""
    paths = sorted((options.data / "imagenet_sample").glob("*.JPEG"))
    pairs = {"photo": list(map(str, paths)), "name": [re.sub("_", " ", path.stem.split("_", 1)[1]) for path in paths]}
    train = "name" if METHODS[job["method"]] else None
    backbones = "mobilenet_v2_035", "minilm_l6"
    aligned = kzoo.align(*backbones, pairs, image="photo", text="name", train=train, seed=job["seed"], verbose=0)
    found: Result = {"retrieval": retrieval(aligned), "notes": list(aligned["photo"].record.notes), "scores": {}}
    for name, called in NAMES.items():
        inputs, truth = load(name, options.data, seed=job["seed"]).data()["test"]
        chosen = np.random.default_rng(job["seed"]).permutation(len(truth))[:MOST]
        labels = sorted(set(truth))
        by_name = aligned.classify({label: [called.get(label, label)] for label in labels})
        answers = by_name.predict([inputs[row] for row in chosen]).labels
        found["scores"][name] = above_chance([truth[row] for row in chosen], answers)
    print(found, flush=True)
    return found


def digits(options: argparse.Namespace, rng: np.random.Generator) -> Mapping[str, Any]:
    """Pairs of an image and a recording of one digit, each used once."""
    images = load_digits()
    table: dict[str, list[Any]] = {"image": [], "audio": [], "digit": []}
    for digit in range(10):
        places = rng.permutation(np.flatnonzero(images.target == digit))
        paths = rng.permutation(sorted(map(str, (options.data / "fsdd").glob(f"{digit}_*.wav"))))
        for place, path in zip(places, paths, strict=False):
            table["image"].append((images.images[place] * 255 / 16).astype(np.uint8)[..., None])
            table["audio"].append(str(path))
            table["digit"].append(digit)
    return table


def run_digits(options: argparse.Namespace, job: Job) -> Result:
    """Two digits that the pairs do not have, five times."""
    table = digits(options, np.random.default_rng(job["seed"]))
    truth = np.array(table["digit"])
    found: Result = {"scores": {}, "retrieval": {}}
    train = "audio" if METHODS[job["method"]] else None
    for held in HELD_OUT:
        rest = np.flatnonzero(~np.isin(truth, held))
        pairs = {name: [table[name][row] for row in rest] for name in ("image", "audio")}
        aligned = kzoo.align("kzoo_nano_image", "kzoo_nano_audio", pairs, train=train, seed=job["seed"], verbose=0)
        own = {digit: np.flatnonzero(truth == digit) for digit in held}
        described = {str(digit): [table["audio"][row] for row in rows[:DESCRIBING]] for digit, rows in own.items()}
        asked = np.concatenate([rows[DESCRIBING:] for rows in own.values()])
        answers = aligned.classify(described).predict(np.stack([table["image"][row] for row in asked])).labels
        name = " and ".join(described)
        found["scores"][name] = above_chance([str(truth[row]) for row in asked], answers)
        found["retrieval"][name] = retrieval(aligned)
    found["mean"] = float(np.mean(list(found["scores"].values())))
    print(found["scores"], found["mean"], flush=True)
    return found


CASES = {"names": run_names, "digits": run_digits}


def run(options: argparse.Namespace, job: Job) -> Result:
    """One case."""
    return CASES[job["set"]](options, job)


def main() -> None:
    """Runs what is not finished."""
    made = parser(__doc__, sets=CASES, methods=METHODS, seeds=range(3))
    options = made.parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        for seed in options.seeds
    ]
    run_all("alignment", jobs, partial(run, options), options=options, apart=True)


if __name__ == "__main__":
    main()
