"""The demonstration: bundled backbones adapted to a few examples, evaluated and exported, offline."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from kzoo.adaptation import adapt
from kzoo.core.intervals import Metric
from kzoo.core.tables import Table
from kzoo.results.adapted import Adapted
from kzoo.specs.phases import LinearProbe, Phase
from kzoo.specs.schedule import Schedule
from kzoo.specs.task import Classification

SIZE = 64
LABELLED = 5

LIKED = (
    "a lovely evening, warm and funny",
    "the best meal we had all year",
    "wonderful staff and a spotless room",
    "I would watch it again tomorrow",
    "an excellent, moving story",
    "房间很干净，服务也很热情",
    "早餐丰富，下次还会来",
    "great value, and so comfortable",
    "charming from beginning to end",
    "位置很好，前台很有礼貌",
)
DISLIKED = (
    "a dull evening, cold and sad",
    "the worst meal we had all year",
    "rude staff and a dirty room",
    "I walked out after ten minutes",
    "a terrible, boring story",
    "房间很脏，服务态度很差",
    "早餐难吃，不会再来",
    "overpriced, and so uncomfortable",
    "tedious from beginning to end",
    "太吵了，一晚上都没睡好",
)
ASKED = ("what a delightful film", "awful, we left early", "酒店很舒服，很满意", "空调坏了，很失望")
"""Texts of the demo's own."""


@dataclass(frozen=True)
class Demo:
    """Results of the demo.

    Args:
        transferred: test accuracy on digits, from `kzoo_nano_image`.
        scratch: the same of the same network, from random weights.
        answers: truth, answer of the exported model and its probability, for one image of each digit.
        texts: some texts, what the model of texts takes them for, and its probability.
        exported: where the model of images is.
        text: the above as tables.
    """

    transferred: float
    scratch: float
    answers: list[tuple[str, str, float]]
    texts: list[tuple[str, str, float]]
    exported: str
    text: str

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, object]:
        """The figures as plain values, for JSON."""
        names = ("transferred", "scratch", "exported", "answers", "texts")
        return {name: getattr(self, name) for name in names}


def demo(directory: str | Path | None = None, *, seed: int = 0) -> Demo:
    """Adapts `kzoo_nano_image` to digits with five labels a class, and `kzoo_nano_text` to twenty sentences.

    Args:
        directory: where the SavedModel of images goes; None: a temporary folder.
        seed: of everything.
    """
    data = load_digits()
    images, digits = (data.images[..., None] * (255 / 16)).astype(np.uint8), data.target
    parts = _few(images, digits, seed)
    task = Classification(parts, seed=seed)
    # Mirrored digits are no digits.
    tuning = Phase("*", epochs=20, learning_rate=1e-3, augmentation="none", batch_size=16)
    everything = Phase("*", epochs=40, learning_rate=3e-3, batch_norm=True, augmentation="none", batch_size=16)

    print(f"1. Adapting kzoo_nano_image, which comes with kzoo, to digits: {LABELLED} labels a class")
    schedule = Schedule((LinearProbe(), tuning))
    adapted = adapt("kzoo_nano_image", task, schedule=schedule, size=SIZE, seed=seed)

    print("2. The same network on the same labels, from random weights")
    scratch = adapt("kzoo_nano_image", task, schedule=everything, size=SIZE, weights=None, seed=seed)

    print("3. Exporting, and querying the exported model")
    exported = adapted.export(directory or Path(tempfile.mkdtemp(prefix="kzoo-")) / "digits")
    answers = _ask(exported, *parts["test"])

    print("4. Adapting kzoo_nano_text to twenty sentences in English and Chinese, and classifying four others")
    texts = _texts(seed)

    starts = {"from kzoo_nano_image": adapted, "from random weights": scratch}
    found = {name: _accuracy(each) for name, each in starts.items()}
    rows = [(name, adapted.record.sizes["test"], str(each)) for name, each in found.items()]
    tables = [
        adapted.summary(),
        Table(("digits", "test examples", "accuracy [95% interval]"), rows),
        Table(("image of", "predicted", "probability"), answers, title=f"Served from {exported}"),
        Table(("text", "predicted", "probability"), texts),
    ]
    text = "\n\n".join(map(str, tables))
    transferred, untrained = (each.value for each in found.values())
    return Demo(transferred, untrained, answers, texts, str(exported), text)


def _accuracy(adapted: Adapted) -> Metric:
    """What `adapt` measured on the test split."""
    assert adapted.record.test is not None
    measured = adapted.record.test.metrics["accuracy"]
    return Metric(measured.value, measured.low, measured.high)


def _few(images: np.ndarray, digits: np.ndarray, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`LABELLED` examples a class to train on, as many to choose by, and the rest to test on."""
    order = np.random.default_rng(seed).permutation(len(digits))
    ranks = np.zeros(len(digits), int)
    for digit in np.unique(digits):
        mine = order[digits[order] == digit]
        ranks[mine] = np.arange(len(mine))
    parts = {"train": ranks < LABELLED, "validation": ranks // LABELLED == 1, "test": ranks >= 2 * LABELLED}
    return {name: (images[rows], digits[rows]) for name, rows in parts.items()}


def _texts(seed: int) -> list[tuple[str, str, float]]:
    """Answers about texts, of a model that has seen twenty others."""
    parts = {}
    for name, rows in (("train", slice(0, 7)), ("validation", slice(7, 9)), ("test", slice(9, 10))):
        texts = [*LIKED[rows], *DISLIKED[rows]]
        parts[name] = (texts, ["liked"] * (len(texts) // 2) + ["disliked"] * (len(texts) // 2))
    model = adapt("kzoo_nano_text", Classification(parts), schedule="linear_probe", seed=seed)
    answers = model.predict(list(ASKED))
    return [
        (text, str(label), float(outputs.max()))
        for text, label, outputs in zip(ASKED, answers.labels, answers.outputs, strict=True)
    ]


def _ask(exported: Path, images: np.ndarray, digits: np.ndarray) -> list[tuple[str, str, float]]:
    """Truth, answer and its probability for the first image of each digit, sent as PNG to the exported model."""
    served = tf.saved_model.load(str(exported))
    chosen = [int(np.flatnonzero(digits == digit)[0]) for digit in np.unique(digits)]
    encoded = tf.constant([tf.io.encode_png(images[index]).numpy() for index in chosen])
    reply = served.signatures["serving_default"](image=encoded)
    labels, probabilities = reply["labels"].numpy(), reply["probabilities"].numpy().max(axis=1)
    return [
        (str(digits[index]), label.decode(), float(probability))
        for index, label, probability in zip(chosen, labels, probabilities, strict=True)
    ]
