"""The main job in a minute, on data that is there already: does transfer help with few labels?"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from kzoo.adaptation import adapt
from kzoo.specs.schedule import Phase, Schedule
from kzoo.specs.task import Classification
from kzoo.tables import Table

SIZE = 32
LABELLED = 3


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Args:
        pretrained: test accuracy of the pretraining, on digits 0 to 4.
        transferred: test accuracy on digits 5 to 9, from the pretrained backbone.
        scratch: the same, from random weights.
        answers: truth, answer of the exported model and its probability, for one picture of each digit.
        exported: where it is.
        text: the above as tables.
    """

    pretrained: float
    transferred: float
    scratch: float
    answers: list[tuple[str, str, float]]
    exported: str
    text: str

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values, for JSON."""
        return {name: getattr(self, name) for name in ("pretrained", "transferred", "scratch", "exported", "answers")}


def demo(directory: str | Path | None = None, *, seed: int = 0) -> Demo:
    """Pretrains on the digits 0-4 of scikit-learn, adapts to 5-9 with three labels a class, tests, exports, asks.

    Args:
        directory: where the SavedModel goes; None: a temporary folder.
        seed: of everything.
    """
    pictures, digits = _digits()
    low, high = digits < 5, digits >= 5
    everything = Phase("*", learning_rate=3e-3, batch_norm=True)

    print("1. Pretraining a small backbone on the digits 0 to 4, from random weights")
    known = Classification((pictures[low], digits[low]), seed=seed)
    # Mirrored digits are no digits, but teach strokes all the same: here they are better than none for what follows.
    augmented = replace(everything, epochs=8, augmentation="light", views=8)
    first = adapt(small_backbone(), known, schedule=augmented, seed=seed)
    pretrained = first.evaluate()

    print(f"2. Adapting it to the digits 5 to 9, with {LABELLED} labels a class to train on")
    task = Classification(_few(pictures[high], digits[high], seed), seed=seed)
    tuning = replace(everything, epochs=60)
    second = adapt(first, task, schedule=Schedule((Phase("head", optimizer="lbfgs"), tuning)), seed=seed)
    transferred = second.evaluate()

    print("3. The same phase on the same labels, from random weights")
    scratch = adapt(small_backbone(), task, schedule=tuning, seed=seed).evaluate()

    print("4. Exporting, and asking the exported model")
    exported = second.export(directory or Path(tempfile.mkdtemp(prefix="kzoo-")) / "digits")
    answers = _ask(exported, *task.data["test"])

    rows = [
        ("pretraining, digits 0-4", pretrained.size, str(pretrained.metrics["accuracy"])),
        ("transfer, digits 5-9", transferred.size, str(transferred.metrics["accuracy"])),
        ("from scratch, digits 5-9", scratch.size, str(scratch.metrics["accuracy"])),
    ]
    table = Table(("", "test examples", "accuracy [95% interval]"), rows)
    served = Table(("a picture of", "is answered with", "probability"), answers, title=f"Served from {exported}")
    text = f"{second}\n\n{table}\n\n{served}"
    return Demo(pretrained["accuracy"], transferred["accuracy"], scratch["accuracy"], answers, str(exported), text)


def small_backbone() -> keras.Model:
    """A convolutional backbone of 0.1 M parameters for pictures of 32 x 32, with random weights."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (16, 32, 64, 96):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, x, name="small")


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """1797 digits, uint8 (N, 8, 8, 1) in 0..255, and their values."""
    found = load_digits()
    return (found.images[..., None] * (255 / 16)).astype(np.uint8), found.target


def _few(pictures: np.ndarray, digits: np.ndarray, seed: int) -> dict[str, Any]:
    """`LABELLED` examples a class to train on, as many to choose by, and the rest to test on."""
    order = np.random.default_rng(seed).permutation(len(digits))
    ranks = np.zeros(len(digits), int)
    for digit in np.unique(digits):
        mine = order[digits[order] == digit]
        ranks[mine] = np.arange(len(mine))
    parts = {"train": ranks < LABELLED, "validation": ranks // LABELLED == 1, "test": ranks >= 2 * LABELLED}
    return {name: (pictures[rows], digits[rows]) for name, rows in parts.items()}


def _ask(exported: Path, pictures: np.ndarray, digits: np.ndarray) -> list[tuple[str, str, float]]:
    """Truth, answer and its probability for the first picture of each digit, sent as PNG to the exported model."""
    served = tf.saved_model.load(str(exported))
    chosen = [int(np.flatnonzero(digits == digit)[0]) for digit in np.unique(digits)]
    encoded = tf.constant([tf.io.encode_png(pictures[index]).numpy() for index in chosen])
    reply = served.signatures["serving_default"](image=encoded)
    labels, probabilities = reply["labels"].numpy(), reply["probabilities"].numpy().max(axis=1)
    return [
        (str(digits[index]), label.decode(), float(probability))
        for index, label, probability in zip(chosen, labels, probabilities, strict=True)
    ]
