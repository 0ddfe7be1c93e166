"""The order of `kzoo.rank` beside the order of full adaptation.

    KERAS_HOME=... python benchmarks/choosing.py DATA [--sets trashnet cifar10 fsdd] [--methods rank ...] [--seeds 0]
        [--train 400] [--test 500] [--again]
    python benchmarks/choosing.py DATA --summary

DATA is the folder that holds ``trashnet/``, ``cifar10/``, ``fsdd/``, ``signs/`` and ``hymenoptera/``; ``digits`` come
with scikit-learn. The first three are development sets, the others were not used for any choice. A run is one
candidate, adapted as `kzoo.adapt` does by default and measured on the test split, or ``rank``, which ranks all of them
twice. Finished runs are kept. Of a set with fewer examples than asked for, nearly all are taken, in the same
proportion.

Candidates need no network: MobileNetV2 0.35 with ImageNet weights at 96 pixels, whole and cut after four of its
blocks, and with random weights; kzoo_nano_image, and with random weights. Recordings are seen as log-mel spectrograms.
Of CIFAR-10 the test part is used, because kzoo_nano_image was pretrained on the rest.

``--summary`` prints, for each set and seed, the weighted Kendall tau (`scipy.stats.weightedtau`) between the accuracy
of adaptation and each score, and the regret of the first choice: how many points it is below the best candidate.
Candidates without a published ImageNet accuracy count as 0 there.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import sets
import tensorflow as tf
from report import Job, Record, Result, answered, parser, records, run_all
from scipy.stats import weightedtau
from sets import Part, Split, cifar10, divide, images

import kzoo

SETS = ("trashnet", "cifar10", "fsdd", "signs", "hymenoptera", "digits")
WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
SIDE = 96
SCORES = {
    "rank": lambda row: (row["probe"]["value"] + row["neighbors"]["value"]) / 2,
    "probe": lambda row: row["probe"]["value"],
    "k-NN": lambda row: row["neighbors"]["value"],
    "LogME": lambda row: row["log_me"],
    "H-score": lambda row: row["h_score"],
    "ImageNet": lambda row: row["imagenet"] or 0.0,
}


def mobilenet(cut: str = "", *, weights: bool = True) -> keras.Model:
    """MobileNetV2 0.35, up to a layer."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / WEIGHTS
    base = keras.applications.MobileNetV2(
        (SIDE, SIDE, 3), alpha=0.35, include_top=False, weights=str(path) if weights else None
    )
    return keras.Model(base.input, base.get_layer(cut).output if cut else base.output)


CANDIDATES: dict[str, Callable[[], str | keras.Model]] = {
    "mobilenet": mobilenet,
    "mobilenet to block 13": lambda: mobilenet("block_13_expand_relu"),
    "mobilenet to block 10": lambda: mobilenet("block_10_expand_relu"),
    "mobilenet to block 6": lambda: mobilenet("block_6_expand_relu"),
    "mobilenet to block 3": lambda: mobilenet("block_3_expand_relu"),
    "mobilenet, random": lambda: mobilenet(weights=False),
    "nano": lambda: "kzoo_nano_image",
    "nano, random": lambda: kzoo.create_model("kzoo_nano_image", weights=None, size=SIDE),
}
IMAGENET = {"mobilenet": "mobilenet_v2_035"}


def main() -> None:
    """Runs what is not finished, or prints the summary."""
    made = parser(__doc__, sets=SETS, methods=["rank", *CANDIDATES], seeds=[0])
    made.add_argument("--train", type=int, default=400, help="examples of training and validation together")
    made.add_argument("--test", type=int, default=500)
    made.add_argument("--summary", action="store_true", help="print what the finished runs say")
    options = made.parse_args()
    if options.summary:
        summary(records("choosing", options.results))
        return
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for seed in options.seeds
        for method in options.methods
    ]
    sizes = {"train": options.train, "test": options.test}
    run_all("choosing", jobs, functools.partial(one, options), options=options, arguments=sizes)


def one(options: argparse.Namespace, job: Job) -> Result:
    """The ranking of all candidates, or the adaptation of one."""
    split = load(job["set"], options.data, job["seed"], train=options.train, test=options.test)
    keras.utils.set_random_seed(job["seed"])
    task = kzoo.Classification(split.data(), audio=True if job["set"] == "fsdd" else None)
    started = time.perf_counter()
    if job["method"] == "rank":
        models = {}
        for name, make in CANDIDATES.items():
            keras.utils.set_random_seed(job["seed"])
            models[name] = make()
        started = time.perf_counter()
        ranking = kzoo.rank(task, models, seed=job["seed"], strict=True)
        first = time.perf_counter() - started
        started = time.perf_counter()
        kzoo.rank(task, models, seed=job["seed"], strict=True)
        print(ranking, flush=True)
        return {"seconds": first, "second_call": time.perf_counter() - started, "ranking": ranking.as_dict()}
    adapted = kzoo.adapt(CANDIDATES[job["method"]](), task, seed=job["seed"], verbose=0)
    seconds = time.perf_counter() - started
    found = answered(split.test.labels, adapted.predict(split.test.inputs).labels, split.classes)
    hits = [one == other for one, other in zip(found["truth"], found["answers"], strict=True)]
    return {"seconds": seconds, "accuracy": float(np.mean(hits)), **found}


def load(name: str, data: Path, seed: int, *, train: int, test: int) -> Split:
    """A stratified sample of a set, divided; a fifth of `train` is for validation."""
    every = READERS[name](data)
    part = min(1 / len(every), 0.98 / (train + test))
    sample = divide(every, seed=seed, test=test * part, validation=train * part)
    rest = divide(sample.validation, seed=seed, test=0.2, validation=0.2)
    return Split(rest.train + rest.validation, rest.test, sample.test)


def _cifar10(data: Path) -> Part:
    encoded, labels = cifar10(data / "cifar10", "test")
    return Part(np.stack([tf.io.decode_jpeg(each, channels=3).numpy() for each in encoded]), labels)


def _hymenoptera(data: Path) -> Part:
    return images(data / "hymenoptera" / "train") + images(data / "hymenoptera" / "val")


def _digits(data: Path) -> Part:
    split = sets.load("digits", data, seed=0)
    pixels = np.concatenate([part.inputs for part in (split.train, split.validation, split.test)])
    return Part(pixels, [*split.train.labels, *split.validation.labels, *split.test.labels])


def _recordings(data: Path) -> Part:
    paths = sorted((data / "fsdd").glob("*.wav"))
    return Part([str(path) for path in paths], [path.stem.split("_")[0] for path in paths])


READERS: dict[str, Callable[[Path], Part]] = {
    "trashnet": lambda data: images(data / "trashnet"),
    "cifar10": _cifar10,
    "fsdd": _recordings,
    "signs": lambda data: images(data / "signs"),
    "hymenoptera": _hymenoptera,
    "digits": _digits,
}


def summary(found: list[Record]) -> None:
    """Prints tau and regret of each set and seed, and their means."""
    taus: dict[str, list[float]] = {score: [] for score in SCORES}
    regrets: dict[str, list[float]] = {score: [] for score in SCORES}
    for name, seed in sorted({(each["job"]["set"], each["job"]["seed"]) for each in found}):
        runs = {e["job"]["method"]: e["result"] for e in found if (e["job"]["set"], e["job"]["seed"]) == (name, seed)}
        if "rank" not in runs:
            continue
        rows = {row["name"]: row for row in runs["rank"]["ranking"]["candidates"] if row["name"] in runs}
        if len(rows) < 3:
            continue
        for model, card in IMAGENET.items():
            if model in rows:
                rows[model]["imagenet"] = kzoo.get_card(card).top1
        reached = np.asarray([runs[model]["accuracy"] for model in rows])
        print(f"{name}, seed {seed}, {len(rows)} candidates; ranked in {runs['rank']['seconds']:.1f} s, ", end="")
        print(f"again in {runs['rank']['second_call']:.1f} s")
        for score, value in SCORES.items():
            values = np.asarray([value(row) for row in rows.values()])
            # Of equal first choices, the mean.
            first = reached[values == values.max()].mean()
            taus[score].append(float(weightedtau(reached, values).statistic))
            regrets[score].append(100 * float(reached.max() - first))
            print(f"  {score:9} tau {taus[score][-1]:6.3f}  regret {regrets[score][-1]:5.1f} points")
        for model, accuracy in sorted(zip(rows, reached, strict=True), key=lambda pair: -pair[1]):
            probe, near = rows[model]["probe"]["value"], rows[model]["neighbors"]["value"]
            print(f"    {model:22} adapted {accuracy:.3f}  probe {probe:.3f}  k-NN {near:.3f}")
    print("mean over sets and seeds")
    for score in SCORES:
        if taus[score]:
            print(f"  {score:9} tau {np.mean(taus[score]):6.3f}  regret {np.mean(regrets[score]):5.1f} points")


if __name__ == "__main__":
    main()
