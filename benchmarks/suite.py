"""`kzoo.adapt` with its defaults beside plain baselines, on every data set, with few labels and with all.

    KERAS_HOME=... python benchmarks/suite.py DATA [--sets trashnet sst2 ...] [--sizes 20 100 full] [--seeds 0 1 2]
        [--methods auto plain] [--again]
    python benchmarks/suite.py DATA --summary [--figure suite.png]

DATA is the folder that holds all sets, see `sets.py`; ``digits`` comes with scikit-learn. A size is the number of
labels a class, of which a fifth are for validation; ``full`` takes all. A run is a process of its own, and finished
runs are kept, so that the suite may be stopped and continued.

- ``auto``: ``kzoo.adapt("auto", task)``; other names with ``kzoo:`` in front name the backbone, as ``kzoo:minilm_l6``;
- ``plain``: what needs no deep learning package: for images, logistic regression on frozen features of MobileNetV2 0.35
  (of digits, on pixels); for texts, the best TF-IDF; for recordings, log-mel features. Choices by cross-validation;
- ``guide``: the Keras transfer-learning guide, at the best of its epochs on the test split, which favours it.

``--summary`` prints what the finished runs say, see `suite_summary.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path

import keras
import numpy as np
from report import Job, Result, answered, parser, records, run_all
from sets import Split, few, load
from suite_summary import draw, gains_of, tables

import kzoo

MODALITIES = {
    **dict.fromkeys(("trashnet", "cifar10", "hymenoptera", "signs", "digits"), "image"),
    **dict.fromkeys(("sst2", "chnsenticorp", "emotion", "irony"), "text"),
    **dict.fromkeys(("fsdd", "fsdd, unheard voices"), "audio"),
}
SIZES = ("20", "100", "full")
BACKBONES = {
    "image": ("mobilenet_v2_035", "kzoo_nano_image"),
    "text": ("ngrams", "kzoo_nano_text", "minilm_l6"),
    "audio": ("keyword_cnn", "kzoo_nano_audio"),
}
METHODS = ("auto", "plain", "guide", *(f"kzoo:{name}" for names in BACKBONES.values() for name in names))
EPOCHS = [20, 10]
"""Of the guide: frozen, unfrozen."""

BINS = 15


def main() -> None:
    """Runs what is not finished, or prints the summary."""
    made = parser(__doc__, sets=MODALITIES, methods=METHODS)
    made.set_defaults(methods=["auto", "plain"])
    made.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    made.add_argument("--summary", action="store_true", help="print what the finished runs say")
    made.add_argument("--figure", type=Path, help="also draw the differences into this file")
    options = made.parse_args()
    if options.summary:
        found = records("suite", options.results)
        print("\n\n".join(map(str, tables(found))))
        if options.figure is not None:
            draw(gains_of(found), options.figure)
        return
    jobs = [
        {"set": name, "size": size, "method": method, "seed": seed}
        for size in options.sizes
        for seed in options.seeds
        for name in options.sets
        for method in options.methods
        if suits(name, method)
    ]
    run_all("suite", jobs, functools.partial(one, options.data), options=options, apart=True)


def suits(name: str, method: str) -> bool:
    """Whether a method takes the inputs of a set."""
    modality = MODALITIES[name]
    if method == "guide":
        return modality == "image"
    if method.startswith("kzoo:"):
        backbone = method.removeprefix("kzoo:")
        return backbone in BACKBONES[modality] and (name, backbone) != ("chnsenticorp", "minilm_l6")
    return True


def one(data: Path, job: Job) -> Result:
    """One method on one set, with so many labels, for one seed."""
    split = load(job["set"], data, seed=job["seed"])
    if job["size"] != "full":
        split = few(split, int(job["size"]), seed=job["seed"])
    keras.utils.set_random_seed(job["seed"])
    sizes = {"train": len(split.train), "validation": len(split.validation), "examples": len(split.test)}
    if job["method"] == "plain":
        return sizes | plain(split, job)
    if job["method"] == "guide":
        from time_to_accuracy import SIZES as SIDES
        from time_to_accuracy import guide

        return sizes | guide(split, size=SIDES.get(job["set"], 96), seed=job["seed"], epochs=EPOCHS)
    return sizes | adapt(split, job)


def plain(split: Split, job: Job) -> Result:
    """The plain baseline of the modality."""
    if job["set"] == "digits":
        return pixels(split)
    if MODALITIES[job["set"]] == "text":
        from texts import baseline

        return baseline(split, job)
    if MODALITIES[job["set"]] == "audio":
        from recordings import baseline as log_mel

        return log_mel(split, job)
    from time_to_accuracy import SIZES as SIDES
    from time_to_accuracy import features

    return features(split, size=SIDES[job["set"]], seed=job["seed"], epochs=EPOCHS)


def pixels(split: Split) -> Result:
    """A support vector machine on pixels, its penalty by cross-validation."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    started = time.perf_counter()
    known = split.train + split.validation
    rows = [np.stack(part.inputs).reshape(len(part), -1) / 255 for part in (known, split.test)]
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10, 100]}).fit(rows[0], known.labels)
    seconds = time.perf_counter() - started
    return {"seconds": seconds} | answered(split.test.labels, search.predict(rows[1]), split.classes)


def adapt(split: Split, job: Job) -> Result:
    """`kzoo.adapt` with its defaults; "auto" or a backbone."""
    task = kzoo.Classification(split.data(), audio=True if MODALITIES[job["set"]] == "audio" else None)
    started = time.perf_counter()
    adapted = kzoo.adapt(job["method"].removeprefix("kzoo:"), task, seed=job["seed"])
    seconds = time.perf_counter() - started
    print(adapted, flush=True)
    found = adapted.predict(split.test.inputs)
    raw = dataclasses.replace(adapted, temperature=1.0).predict(split.test.inputs)
    truth = np.array([adapted.labels.index(label) for label in split.test.labels])
    return {
        "seconds": seconds,
        "model": adapted.card.name,
        "kept": str(adapted.record.phases[adapted.record.kept].phase),
        "tta": adapted.tta,
        "temperature": adapted.temperature,
        "calibration": {
            name: {"log_loss": log_loss(each.outputs, truth), "ece": calibration_error(each.outputs, truth)}
            for name, each in (("before", raw), ("after", found))
        },
    } | answered(split.test.labels, found.labels, split.classes)


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean())


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error of the most probable class, over `BINS` bins of equally many examples."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(sure, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    return float(sum(len(each) * abs(sure[each].mean() - right[each].mean()) for each in bins) / len(order))


if __name__ == "__main__":
    main()
