"""The data sets of the benchmarks, read and split without kzoo, so that all methods get the same examples.

`DEVELOPMENT` sets are those on which defaults of kzoo were chosen, partly against their test splits: a figure on one of
them may flatter kzoo. `REPORTING` sets were not used for any choice. No default is chosen by looking at them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

DEVELOPMENT = ("trashnet", "cifar10", "sst2", "chnsenticorp", "fsdd")
ARCHIVE = ("JapaneseVowels", "BasicMotions", "ItalyPowerDemand", "GunPoint", "ArrowHead", "OSULeaf")
"""Series of the UCR and UEA archives, see `series.py`."""

REPORTING = ("hymenoptera", "signs", "houses", "emotion", "irony", "digits", *ARCHIVE)

TITLES = {
    "trashnet": "TrashNet",
    "cifar10": "CIFAR-10, 2,500 training images",
    "sst2": "SST-2",
    "chnsenticorp": "ChnSentiCorp",
    "fsdd": "FSDD, a random fifth",
    "fsdd, unheard voices": "FSDD, two unheard voices",
    "hymenoptera": "hymenoptera",
    "signs": "sign-language digits",
    "digits": "scikit-learn's digits",
    "emotion": "TweetEval emotion",
    "irony": "TweetEval irony",
}
METRICS = {"emotion": "macro-F1", "irony": "macro-F1"}
"""The metric that is reported, where it is not accuracy."""

FIXED = ("sst2", "emotion", "irony", "hymenoptera", *ARCHIVE)
"""Sets with an official test split; of the others each seed draws another test split."""

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
"""Of FSDD."""


@dataclass(frozen=True)
class Part:
    """Some examples.

    Args:
        inputs: texts, paths of files, or images, uint8 (N, H, W, 3).
        labels: one for each.
    """

    inputs: Sequence[object]
    labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Sequence[int]) -> Part:
        """The examples at some places."""
        if isinstance(self.inputs, np.ndarray):
            return Part(self.inputs[np.asarray(places)], [self.labels[n] for n in places])
        return Part([self.inputs[n] for n in places], [self.labels[n] for n in places])

    def __add__(self, other: Part) -> Part:
        return Part([*self.inputs, *other.inputs], [*self.labels, *other.labels])


@dataclass(frozen=True)
class Split:
    """Examples to learn from, to choose on, and to measure on."""

    train: Part
    validation: Part
    test: Part

    @property
    def classes(self) -> list[str]:
        """All labels, in order."""
        return sorted({*self.train.labels, *self.validation.labels, *self.test.labels})

    def data(self) -> dict[str, tuple[Any, list[str]]]:
        """What `kzoo.Classification` takes."""
        return {
            name: (part.inputs, list(part.labels))
            for name, part in (("train", self.train), ("validation", self.validation), ("test", self.test))
        }


def kind(name: str) -> str:
    """Whether a set is for development or for reporting."""
    return "development" if name.split(",")[0] in DEVELOPMENT else "reporting"


def load(name: str, data: Path, *, seed: int) -> Split:
    """Reads and splits a set.

    Args:
        name: of the set, a key of `READERS`; or "fsdd, unheard voices", whose test speakers are drawn by the seed.
        data: the folder that holds all sets, as ``sst2/train.tsv`` or ``trashnet/<class>/*.jpg``.
        seed: of what is drawn. What is official does not depend on it.
    """
    return READERS[name](data, seed)


def divide(part: Part, *, seed: int, test: float = 0.1, validation: float = 0.1) -> Split:
    """A stratified split by shares of all examples."""
    rest, tested = _two(part, test, seed)
    train, chosen = _two(rest, validation / (1 - test), seed)
    return Split(train, chosen, tested)


def few(split: Split, count: int, *, seed: int) -> Split:
    """The same with at most `count` labels a class, drawn by the seed; a fifth of them are for validation."""
    parts = [_few(split.train, count - count // 5, seed), _few(split.validation, count // 5, seed)]
    return Split(*parts, split.test)


def _few(part: Part, count: int, seed: int) -> Part:
    labels, order = np.array(part.labels), np.random.RandomState(seed).permutation(len(part))
    places = np.concatenate([order[labels[order] == label][:count] for label in np.unique(labels)])
    return part.take(sorted(places.tolist()))


def images(folder: Path) -> Part:
    """The image files below a folder, labelled by the folder that they are in; of equal files only the first.

    Equal files with unequal labels are left out.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            found.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), []).append(path)
    kept = [paths[0] for paths in found.values() if len({path.parent.name for path in paths}) == 1]
    return Part([str(path) for path in kept], [path.parent.name for path in kept])


def cifar10(folder: Path, part: str, *, limit: int = -1) -> tuple[list[bytes], list[str]]:
    """Encoded images and labels of the TFRecords of a part, "train" or "test"; the first `limit`, or all."""
    import tensorflow as tf

    files = sorted(str(path) for path in folder.glob(f"*{part}*.tfrecord*"))
    records = tf.data.TFRecordDataset(files).take(limit).as_numpy_iterator()
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    encoded = [feature["image"].bytes_list.value[0] for feature in features]
    return encoded, [str(feature["label"].int64_list.value[0]) for feature in features]


def speakers(seed: int) -> tuple[list[str], str]:
    """Two test speakers and one that chooses, drawn by the seed."""
    drawn = [str(name) for name in np.random.RandomState(seed).permutation(SPEAKERS)[:3]]
    return sorted(drawn[:2]), drawn[2]


def _two(part: Part, share: float, seed: int) -> tuple[Part, Part]:
    places = list(range(len(part)))
    first, second = train_test_split(places, test_size=share, stratify=part.labels, random_state=seed)
    return part.take(first), part.take(second)


def _sst2(data: Path, seed: int) -> Split:
    parts = []
    for name in ("train", "dev", "test"):
        rows = [line.rsplit("\t", 1) for line in _lines(data / "sst2" / f"{name}.tsv")]
        parts.append(Part([row[0] for row in rows], [row[1].strip() for row in rows]))
    return Split(*parts)


def _tweets(name: str) -> Callable[[Path, int], Split]:
    def read(data: Path, seed: int) -> Split:
        folder = data / "tweeteval" / name
        parts = []
        for part in ("train", "val", "test"):
            labels = [row.strip() for row in _lines(folder / f"{part}_labels.txt")]
            parts.append(Part(_lines(folder / f"{part}_text.txt"), labels))
        return Split(*parts)

    return read


def _reviews(data: Path, seed: int) -> Split:
    known: dict[str, set[str]] = {}
    with (data / "chnsenticorp" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["review"].strip():
                known.setdefault(row["review"].strip(), set()).add(row["label"])
    kept = {text: labels for text, labels in known.items() if len(labels) == 1}
    return divide(Part(list(kept), [next(iter(labels)) for labels in kept.values()]), seed=seed, test=0.2)


def _hymenoptera(data: Path, seed: int) -> Split:
    train, validation = _two(images(data / "hymenoptera" / "train"), 0.1, seed)
    return Split(train, validation, images(data / "hymenoptera" / "val"))


def _cifar10(data: Path, seed: int) -> Split:
    import tensorflow as tf

    encoded, labels = cifar10(data / "cifar10", "train", limit=2500)
    return divide(Part(np.stack([tf.io.decode_jpeg(each, channels=3).numpy() for each in encoded]), labels), seed=seed)


def _digits(data: Path, seed: int) -> Split:
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * 255 / 16).astype(np.uint8)[..., None]
    return divide(Part(pixels, [str(label) for label in found.target]), seed=seed, test=0.2)


def _recordings(data: Path) -> Part:
    paths = sorted((data / "fsdd").glob("*.wav"))
    return Part([str(path) for path in paths], [path.stem.split("_")[0] for path in paths])


def _voices(data: Path, seed: int) -> Split:
    every = _recordings(data)
    tested, chooses = speakers(seed)
    voices = [Path(path).stem.split("_")[1] for path in every.inputs]
    places = {
        name: [n for n, voice in enumerate(voices) if (voice in tested, voice == chooses) == wanted]
        for name, wanted in {"train": (False, False), "validation": (False, True), "test": (True, False)}.items()
    }
    return Split(*(every.take(places[name]) for name in ("train", "validation", "test")))


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]


READERS: dict[str, Callable[[Path, int], Split]] = {
    "trashnet": lambda data, seed: divide(images(data / "trashnet"), seed=seed),
    "cifar10": _cifar10,
    "hymenoptera": _hymenoptera,
    "signs": lambda data, seed: divide(images(data / "signs"), seed=seed),
    "digits": _digits,
    "sst2": _sst2,
    "emotion": _tweets("emotion"),
    "irony": _tweets("irony"),
    "chnsenticorp": _reviews,
    "fsdd": lambda data, seed: divide(_recordings(data), seed=seed, test=0.2),
    "fsdd, unheard voices": _voices,
}
