"""What several models together, and a student of theirs, reach on TrashNet, against the best single one.

    python benchmarks/combining.py DATA [--seeds 0 1 2] [--methods ...] [--json FILE]

DATA is a folder of class folders. Members: MobileNetV2 0.35 with the ImageNet weights for 224 pixels that Keras
downloads, and kzoo_nano_image, at 128 pixels, stretched, as `kzoo.adapt` adapts them; splits of 80/10/10 per cent. A
soup has three runs of the first: two seeds, and half of the rate; interpolation is between probe and tuned weights of
the first; students are kzoo_nano_image. Intervals of 95%: of accuracy, Wilson's over the test pictures of all seeds; of
the difference to the best single model (by mean accuracy), a bootstrap over the same pictures, pair by pair.
"""

from __future__ import annotations

import dataclasses
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from report import choose, repeat
from scipy.stats import binomtest

import kzoo
from kzoo.adapted import Adapted
from kzoo.tables import Table

FIRST, SECOND = "mobilenet_v2_035", "kzoo_nano_image"
OPTIONS: dict[str, Any] = {"size": 128, "resize": "squash"}


def card(name: str) -> kzoo.BackboneSpec:
    """The card of a member; of what has weights for several sizes, those for 224 pixels."""
    found = kzoo.get_model(name)
    return dataclasses.replace(found, weights=tuple(file for file in found.weights if file.size in (None, 224)))


def task(data: Path, seed: int) -> kzoo.Classification:
    """The data, split anew for each seed."""
    return kzoo.Classification(data, seed=seed)


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


def distilled(what: str) -> Any:
    """A method: a student of the larger model."""
    return lambda data, seed: kzoo.distill(single(FIRST, data, seed), SECOND, what=what, seed=seed, **OPTIONS)


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
SINGLE = (FIRST, SECOND)


def main() -> None:
    """Runs each method once a seed, and prints what is known after each."""
    options = choose(__doc__, "--sets", sets=["trashnet"], methods=METHODS)
    jobs = [{"set": "trashnet", "method": method, "seed": seed} for seed in options.seeds for method in options.methods]

    def run(job: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            found = METHODS[job["method"]](options.data, job["seed"])
        except ValueError as error:
            if job["method"] != "interpolation":
                raise
            # The probe was kept: there is nothing to go back from.
            print(error, flush=True)
            found = single(FIRST, options.data, job["seed"])
        test = found.splits().test
        correct = found.outputs(test).argmax(axis=1) == test.targets
        return {
            "accuracy": float(correct.mean()),
            "correct": correct.astype(int).tolist(),
            "seconds": time.perf_counter() - started,
            "merged": found.record.get("merged"),
        }

    repeat(jobs, run, table=table, path=options.json)


def table(runs: list[dict[str, Any]]) -> Table:
    """One row a method."""
    found = {name: [run for run in runs if run["method"] == name] for name in METHODS}
    correct = {name: {run["seed"]: np.array(run["correct"]) for run in each} for name, each in found.items() if each}
    best = max((name for name in SINGLE if name in correct), key=lambda name: _mean(correct[name]), default=None)
    rows = []
    for name, each in correct.items():
        every = np.concatenate(list(each.values()))
        low, high = binomtest(int(every.sum()), len(every)).proportion_ci(method="wilson")
        seconds = np.mean([run["seconds"] for run in found[name]])
        of_each = ", ".join(f"{values.mean():.3f}" for values in each.values())
        difference = _difference(each, correct[best]) if best and name != best else ""
        rows.append((name, f"{_mean(each):.3f} [{low:.3f}, {high:.3f}]", of_each, difference, round(float(seconds), 1)))
    return Table(("method", "accuracy", "of each seed", f"less {best}", "seconds"), rows)


def _mean(correct: dict[int, np.ndarray]) -> float:
    return float(np.mean([values.mean() for values in correct.values()]))


def _difference(ours: dict[int, np.ndarray], theirs: dict[int, np.ndarray]) -> str:
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return ""
    pairs = np.concatenate([ours[seed] - theirs[seed] for seed in seeds]).astype(float)
    rng = np.random.default_rng(0)
    means = rng.choice(pairs, (5_000, len(pairs))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{pairs.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    main()
