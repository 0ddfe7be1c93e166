"""What the backbones that come with kzoo are worth: 20 labelled examples a class, five draws, and the rest is the test.

    python benchmarks/nano/few_shot.py DATA [--sets hymenoptera ...] [--methods ...] [--seeds 0 1 2 3 4] [--json FILE]

DATA holds hymenoptera, trashnet, fsdd, sst2 and chnsenticorp. A probe is a logistic regression (C = 0.01) on
standardised embeddings of `Adapted.embed`; nothing is chosen. ``scratch`` is the same architecture, trained from random
weights on the same examples, all of it; ``random`` is a probe on it, untrained. Of SST-2, examples are drawn from the
training split and measured on the test split; of FSDD, all are of the speakers theo and yweweler (``voice``: those that
are drawn theo's, those that are measured on yweweler's); of ChnSentiCorp, all are of the fifth that was kept out of
kzoo_nano_text. ``imagenet`` is MobileNetV2 0.35 with the weights that Keras downloads. All see pictures at 224 pixels;
what is trained from scratch also at 128.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

import text as chinese
from report import choose, means, repeat

import kzoo

SHOTS = 20


@dataclass(frozen=True)
class Set:
    """Examples to draw from, with labels, and examples to measure on; where there are none, those not drawn."""

    inputs: Sequence[Any]
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


def read_pictures(folder: Path) -> Set:
    """Pictures below a folder, labelled by the folder that they are in."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return Set([str(path) for path in paths], np.array([path.parent.name for path in paths]))


def read_speakers(folder: Path, *, apart: bool = False) -> Set:
    """Spoken digits of two speakers, together or to learn from one and measure on the other."""
    parts: list[Any] = []
    for voices in [("theo",), ("yweweler",)] if apart else [("theo", "yweweler")]:
        paths = sorted(path for path in folder.glob("*.wav") if path.stem.split("_")[1] in voices)
        parts += [[str(path) for path in paths], np.array([path.stem.split("_")[0] for path in paths])]
    return Set(*parts, audio=True)


def read_sentences(folder: Path) -> Set:
    """Sentences of SST-2."""
    parts = []
    for name in ("train", "test"):
        rows = [line.split("\t") for line in (folder / f"{name}.tsv").read_text(encoding="utf-8-sig").splitlines()]
        rows = [row for row in rows if len(row) == 2 and row[1] in "01"]
        parts.append(([row[0] for row in rows], np.array([row[1] for row in rows])))
    return Set(*parts[0], *parts[1])


def read_reviews(data: Path) -> Set:
    """Chinese reviews that kzoo_nano_text did not learn from."""
    _, kept_out = chinese.read_reviews(data)
    return Set([text for text, _ in kept_out], np.array([label for _, label in kept_out]))


SETS: dict[str, Callable[[Path], Set]] = {
    "hymenoptera": lambda data: read_pictures(data / "hymenoptera"),
    "trashnet": lambda data: read_pictures(data / "trashnet"),
    "fsdd": lambda data: read_speakers(data / "fsdd"),
    "voice": lambda data: read_speakers(data / "fsdd", apart=True),
    "sst2": lambda data: read_sentences(data / "sst2"),
    "chnsenticorp": read_reviews,
}
NANO = {
    "hymenoptera": "image",
    "trashnet": "image",
    "fsdd": "audio",
    "voice": "audio",
    "sst2": "text",
    "chnsenticorp": "text",
}
SIZES = {"hymenoptera": 224, "trashnet": 224}
"""Of pictures, in all methods."""

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
    """A method: the same architecture from the start."""
    found = read(name, data)
    inputs, labels = found.everything
    train, test = found.draw(seed)
    parts = {
        split: ([inputs[n] for n in rows], list(labels[rows])) for split, rows in (("train", train), ("test", test))
    }
    schedule = SCRATCH if NANO[name] != "text" else kzoo.Phase("*", epochs=60, learning_rate=1e-2, batch_size=8)
    task = kzoo.Classification(parts, audio=found.audio or None, validation=0.1)
    options = {"weights": None, "size": size or SIZES.get(name), "seed": seed}
    adapted = kzoo.adapt(f"kzoo_nano_{NANO[name]}", task, schedule=schedule, **options)
    return adapted.evaluate()["accuracy"]


def tfidf(name: str, data: Path, seed: int) -> float:
    """A method: TF-IDF of words, of characters in Chinese, and logistic regression (C = 10)."""
    found = read(name, data)
    inputs, labels = found.everything
    train, test = found.draw(seed)
    words = {"ngram_range": (1, 2)} if name == "sst2" else {"ngram_range": (1, 3), "analyzer": "char"}
    vectorizer = TfidfVectorizer(**words).fit([inputs[n] for n in train])
    return _fit(_logistic(10.0), vectorizer.transform(inputs), labels, train, test)


def _logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=2_000)


def _fit(model: Any, rows: Any, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    return float(model.fit(rows[train], labels[train]).score(rows[test], labels[test]))


METHODS: dict[str, tuple[tuple[str, ...], Any]] = {
    "nano, probe": (tuple(SETS), probe(lambda name: f"kzoo_nano_{NANO[name]}")),
    "scratch": (tuple(SETS), scratch),
    "scratch, 128 pixels": (("hymenoptera", "trashnet"), partial(scratch, size=128)),
    "random, probe": (tuple(SETS), probe(lambda name: f"kzoo_nano_{NANO[name]}", weights=None)),
    "imagenet, probe": (("hymenoptera", "trashnet"), probe(lambda name: "mobilenet_v2_035")),
    "TF-IDF": (("sst2", "chnsenticorp"), tfidf),
    "minilm_l6, probe": (("sst2",), probe(lambda name: "minilm_l6")),
}


def main() -> None:
    """Runs each method once a set and draw, and prints what is known after each."""
    options = choose(__doc__, "--sets", sets=SETS, methods=METHODS, seeds=range(5))
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        if name in METHODS[method][0]
        for seed in options.seeds
    ]

    def run(job: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        accuracy = METHODS[job["method"]][1](job["set"], options.data, job["seed"])
        return {"accuracy": accuracy, "seconds": time.perf_counter() - started}

    repeat(jobs, run, table=means, path=options.json)


if __name__ == "__main__":
    main()
