"""What several models together, and a student of theirs, reach on TrashNet, against the best single one.

    KERAS_HOME=... python benchmarks/combining.py DATA [--methods ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds ``trashnet/``. Members: MobileNetV2 0.35 with the ImageNet weights for 224 pixels that
Keras downloads, and kzoo_nano_image, at 128 pixels, stretched, as `kzoo.adapt` adapts them; splits of 80/10/10 per
cent. A soup has three runs of the first: two seeds, and half of the rate; interpolation is between probe and tuned
weights of the first; students are kzoo_nano_image. All methods of a seed answer the same test images.
"""

from __future__ import annotations

import dataclasses
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from report import Job, Result, answered, parser, run_all
from sets import Split, load

import kzoo
from kzoo.results.adapted import Adapted

FIRST, SECOND = "mobilenet_v2_035", "kzoo_nano_image"
OPTIONS: dict[str, Any] = {"size": 128, "resize": "squash"}


def card(name: str) -> kzoo.BackboneSpec:
    """The card of a member; of what has weights for several sizes, those for 224 pixels."""
    found = kzoo.get_card(name)
    return dataclasses.replace(found, weights=tuple(file for file in found.weights if file.size in (None, 224)))


@lru_cache(maxsize=1)
def split(data: Path, seed: int) -> Split:
    """The data, split anew for each seed."""
    return load("trashnet", data, seed=seed)


def task(data: Path, seed: int) -> kzoo.Classification:
    """The same as a task."""
    return kzoo.Classification(split(data, seed).data())


@lru_cache(maxsize=4)
def single(model: str, data: Path, seed: int, run: int = 0) -> Adapted:
    """One model, adapted; runs differ in seed and rate."""
    schedule: Any = "auto" if run < 2 else kzoo.lp_ft(learning_rate=1.5e-4, views=6)
    return kzoo.adapt(card(model), task(data, seed), schedule=schedule, seed=seed + 100 * run, **OPTIONS)


def fusion(how: str) -> Any:
    """A method: both backbones as one."""
    return lambda data, seed: kzoo.adapt(
        kzoo.Fusion([card(FIRST), card(SECOND)], how=how), task(data, seed), seed=seed, **OPTIONS
    )


def soup(how: str) -> Any:
    """A method: the mean of three runs' weights."""
    return lambda data, seed: kzoo.soup([single(FIRST, data, seed, run) for run in range(3)], how=how)


def distilled(target: str) -> Any:
    """A method: a student of the larger model."""
    return lambda data, seed: kzoo.distill(single(FIRST, data, seed), SECOND, target=target, seed=seed, **OPTIONS)


METHODS: dict[str, Any] = {
    FIRST: lambda data, seed: single(FIRST, data, seed),
    SECOND: lambda data, seed: single(SECOND, data, seed),
    "ensemble of both": lambda data, seed: kzoo.ensemble([single(name, data, seed) for name in (FIRST, SECOND)]),
    "fusion, concat": fusion("concat"),
    "fusion, gated": fusion("gated"),
    "fusion, attention": fusion("attention"),
    "interpolation": lambda data, seed: single(FIRST, data, seed).interpolate(),
    "soup, greedy": soup("greedy"),
    "soup, uniform": soup("uniform"),
    "ensemble of three runs": lambda data, seed: kzoo.ensemble([single(FIRST, data, seed, run) for run in range(3)]),
    "distillation, logits": distilled("logits"),
    "distillation, both": distilled("both"),
}


def main() -> None:
    """Runs each method once a seed."""
    options = parser(__doc__, methods=METHODS).parse_args()
    jobs = [{"set": "trashnet", "method": method, "seed": seed} for seed in options.seeds for method in options.methods]

    def run(job: Job) -> Result:
        started = time.perf_counter()
        try:
            found = METHODS[job["method"]](options.data, job["seed"])
        except ValueError as error:
            if job["method"] != "interpolation":
                raise
            # The probe was kept: there is nothing to go back from.
            print(error, flush=True)
            found = single(FIRST, options.data, job["seed"])
        seconds = time.perf_counter() - started
        parts = split(options.data, job["seed"])
        answers = found.predict(parts.test.inputs).labels
        return {"seconds": seconds} | answered(parts.test.labels, answers, parts.classes)

    run_all("combining", jobs, run, options=options)


if __name__ == "__main__":
    main()
