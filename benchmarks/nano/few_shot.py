"""What the backbones that come with kzoo are worth: 20 labelled examples a class; the rest is the test.

    KERAS_HOME=... python benchmarks/nano/few_shot.py DATA [--sets hymenoptera ...] [--methods ...]
        [--seeds 0 1 2 3 4] [--again]

DATA is the folder that holds all sets. **All methods learn from the same 20 labels a class and from no other label**:
none of them chooses an epoch, a penalty or a model on further labelled examples. A seed draws the labelled examples;
the table has only draws that all methods of a set have.

- ``nano, probe``: logistic regression (C = 0.01) on standardised embeddings of `Adapted.embed`;
- ``scratch``: the same architecture, trained from random weights, all of it, with a fixed schedule; its last weights
  count. `kzoo.adapt` needs a validation split: it gets one more example a class, which is measured by nobody and
  chooses nothing;
- ``random, probe``: the probe on the same architecture, untrained;
- ``imagenet, probe``: the probe on MobileNetV2 0.35 with the weights that Keras downloads;
- ``TF-IDF``: at its best by cross-validation of the same labels.

Of SST-2, emotion and irony, examples are drawn from the training split and measured on the test split; of ``fsdd``, all
are of the speakers theo and yweweler (``voice``: those that are drawn theo's, those that are measured on yweweler's);
of ChnSentiCorp, all are of the fifth that was kept out of kzoo_nano_text, which has read the other four fifths, with
their labels. All see images at 224 pixels; what is trained from scratch also at 128. hymenoptera's images come from
ImageNet, on which the teacher of kzoo_nano_image was trained.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

import sets
import text as chinese
from report import Job, Result, parser, run_all
from tfidf import best_tfidf

import kzoo

SHOTS = 20


@dataclass(frozen=True)
class Set:
    """Examples to draw from, with labels, and examples to measure on; where there are none, those not drawn."""

    inputs: Sequence[object]
    labels: np.ndarray
    others: Sequence[Any] = ()
    other_labels: np.ndarray | None = None
    audio: bool = False

    def draw(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the examples that are learned from, and of those that are measured on, in all of `everything`."""
        rng = np.random.default_rng(seed)
        kinds = np.unique(self.labels)
        drawn = [rng.choice(np.flatnonzero(self.labels == kind), SHOTS, replace=False) for kind in kinds]
        train = np.concatenate(drawn)
        rest = np.arange(len(self.inputs), len(self.inputs) + len(self.others))
        return train, rest if len(rest) else np.setdiff1d(np.arange(len(self.inputs)), train)

    @property
    def everything(self) -> tuple[list[Any], np.ndarray]:
        """All inputs and labels."""
        labels = self.labels if self.other_labels is None else np.concatenate([self.labels, self.other_labels])
        return [*self.inputs, *self.others], labels


def read_images(folder: Path) -> Set:
    """Images below a folder, labelled by the folder that they are in."""
    part = sets.images(folder)
    return Set(part.inputs, np.array(part.labels))


def read_speakers(folder: Path, *, apart: bool = False) -> Set:
    """Spoken digits of two speakers, together or to learn from one and measure on the other."""
    parts: list[Any] = []
    for voices in [("theo",), ("yweweler",)] if apart else [("theo", "yweweler")]:
        paths = sorted(path for path in folder.glob("*.wav") if path.stem.split("_")[1] in voices)
        parts += [[str(path) for path in paths], np.array([path.stem.split("_")[0] for path in paths])]
    return Set(*parts, audio=True)


def read_texts(name: str, data: Path) -> Set:
    """Texts of the official training and test splits."""
    split = sets.load(name, data, seed=0)
    return Set(split.train.inputs, np.array(split.train.labels), split.test.inputs, np.array(split.test.labels))


def read_reviews(data: Path) -> Set:
    """Chinese reviews that kzoo_nano_text did not learn from."""
    _, kept_out = chinese.read_reviews(data)
    return Set([text for text, _ in kept_out], np.array([label for _, label in kept_out]))


SETS: dict[str, Callable[[Path], Set]] = {
    "hymenoptera": lambda data: read_images(data / "hymenoptera"),
    "signs": lambda data: read_images(data / "signs"),
    "trashnet": lambda data: read_images(data / "trashnet"),
    "fsdd": lambda data: read_speakers(data / "fsdd"),
    "voice": lambda data: read_speakers(data / "fsdd", apart=True),
    "sst2": partial(read_texts, "sst2"),
    "emotion": partial(read_texts, "emotion"),
    "irony": partial(read_texts, "irony"),
    "chnsenticorp": read_reviews,
}
IMAGES, SOUNDS = ("hymenoptera", "signs", "trashnet"), ("fsdd", "voice")
TEXTS = ("sst2", "emotion", "irony", "chnsenticorp")
NANO = {name: kind for kind, names in (("image", IMAGES), ("audio", SOUNDS), ("text", TEXTS)) for name in names}
SIZES = dict.fromkeys(IMAGES, 224)
"""Of images, in all methods."""

SCRATCH = kzoo.Phase(
    "*", epochs=100, learning_rate=1e-3, batch_norm=True, batch_size=16, augmentation="light", views=30, warmup=0.05
)


@lru_cache(maxsize=2)
def read(name: str, data: Path) -> Set:
    """A set, read once."""
    return SETS[name](data)


@lru_cache(maxsize=1)
def embeddings(model: str, weights: str | None, name: str, data: Path) -> np.ndarray:
    """Embeddings of all examples of a set, by a backbone that has learned nothing of it."""
    found = read(name, data)
    inputs, labels = found.everything
    train, _ = found.draw(0)
    task = kzoo.Classification(([inputs[n] for n in train], list(labels[train])), audio=found.audio or None)
    adapted = kzoo.adapt(model, task, schedule="linear_probe", weights=weights, size=SIZES.get(name))
    rows = adapted.embed(inputs)
    return np.nan_to_num(rows)


def probe(model: Callable[[str], str], weights: str | None = "auto") -> Any:
    """A method: a probe on a backbone's embeddings."""

    def method(name: str, data: Path, seed: int) -> float:
        rows = embeddings(model(name), weights, name, data)
        found = read(name, data)
        labels, (train, test) = found.everything[1], found.draw(seed)
        return _fit(make_pipeline(StandardScaler(), _logistic(0.01)), rows, labels, train, test)

    return method


def scratch(name: str, data: Path, seed: int, size: int | None = None) -> float:
    """A method: the same architecture from the start, on all labels; the weights of the last epoch."""
    found = read(name, data)
    inputs, labels = found.everything
    train, test = found.draw(seed)
    # Each set has at least one example a class that is measured: these are watched, and measured by nobody here.
    watched = np.array([test[labels[test] == label][0] for label in np.unique(labels)])
    measured = np.setdiff1d(test, watched)
    rows = {"train": train, "validation": watched, "test": measured}
    parts = {split: ([inputs[n] for n in places], list(labels[places])) for split, places in rows.items()}
    schedule = SCRATCH if NANO[name] != "text" else kzoo.Phase("*", epochs=60, learning_rate=1e-2, batch_size=8)
    last = Last()
    adapted = kzoo.adapt(
        f"kzoo_nano_{NANO[name]}",
        kzoo.Classification(parts, audio=found.audio or None),
        schedule=schedule,
        weights=None,
        size=size or SIZES.get(name),
        seed=seed,
        callbacks=[last],
    )
    last.model.set_weights(last.values)
    answers = adapted.predict([inputs[n] for n in measured]).labels
    return float(np.mean([str(one) == str(other) for one, other in zip(answers, labels[measured], strict=True)]))


class Last(keras.callbacks.Callback):
    """Keeps the weights of the last epoch, which no validation chose."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keeps them."""
        self.values = self.model.get_weights()


def tfidf(name: str, data: Path, seed: int) -> float:
    """A method: TF-IDF, chosen by cross-validation of the same labels."""
    found = read(name, data)
    inputs, labels = found.everything
    train, test = found.draw(seed)
    fitted = best_tfidf([inputs[n] for n in train], list(labels[train]))
    return float(fitted.model.score([inputs[n] for n in test], labels[test]))


def _logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=2_000)


def _fit(model: Any, rows: Any, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    return float(model.fit(rows[train], labels[train]).score(rows[test], labels[test]))


METHODS: dict[str, tuple[tuple[str, ...], Any]] = {
    "nano, probe": (tuple(SETS), probe(lambda name: f"kzoo_nano_{NANO[name]}")),
    "scratch": (tuple(SETS), scratch),
    "scratch, 128 pixels": (IMAGES, partial(scratch, size=128)),
    "random, probe": (tuple(SETS), probe(lambda name: f"kzoo_nano_{NANO[name]}", weights=None)),
    "imagenet, probe": (IMAGES, probe(lambda name: "mobilenet_v2_035")),
    "TF-IDF": (TEXTS, tfidf),
    "minilm_l6, probe": (TEXTS[:3], probe(lambda name: "minilm_l6")),
}


def main() -> None:
    """Runs each method once a set and draw."""
    options = parser(__doc__, sets=SETS, methods=METHODS, seeds=range(5)).parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        if name in METHODS[method][0]
        for seed in options.seeds
    ]

    def run(job: Job) -> Result:
        started = time.perf_counter()
        accuracy = METHODS[job["method"]][1](job["set"], options.data, job["seed"])
        found = read(job["set"], options.data)
        train, test = found.draw(job["seed"])
        sizes = {"labels": len(train), "classes": len(np.unique(found.labels)), "examples": len(test)}
        return {"accuracy": accuracy, **sizes, "seconds": time.perf_counter() - started}

    run_all("few_shot", jobs, run, options=options, arguments={"shots": SHOTS})


if __name__ == "__main__":
    main()
