"""Seconds to the best accuracy of the Keras transfer-learning guide, and what each method reaches in the end.

    KERAS_HOME=... python benchmarks/time_to_accuracy.py DATA [--sets trashnet signs ...] [--methods guide kzoo ...]
        [--seeds 0 1 2] [--epochs 20 10] [--again]

DATA is the folder that holds ``trashnet/``, ``signs/``, ``hymenoptera/`` and ``cifar10/``. All methods get the same
split, the same stretched images and the ImageNet weights of MobileNetV2 0.35. A run is a process of its own.

- ``guide``: https://keras.io/guides/transfer_learning as it is published: ``cache().batch(32).prefetch(10)`` of resized
  images, RandomFlip and RandomRotation(0.1) in the model, the base frozen for 20 epochs of Adam 1e-3, then all of it
  for 10 epochs at 1e-5. Its training images are in one random order, as TensorFlow Datasets keeps its own;
- ``guide, shuffled``: the same, with another order in each epoch, ``cache().shuffle(...)``;
- ``scikit-learn``: logistic regression on `model.predict`'s features, standardised, its penalty by cross-validation;
- ``kzoo``: `kzoo.adapt` as it is, reading and checking the data included, with an empty cache of activations.

Accuracy is on the test split. The guide's best is the best of all its epochs *on the test split*, which favours it;
kzoo's is that of the weights that validation chose. Measuring on the test split is outside of all clocks. How much
faster a method is: the guide's seconds to its best over the method's seconds to the same accuracy, seed by seed.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from report import Job, Result, answered, parser, run_all
from sets import Part, Split, load
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kzoo

WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
SIZES = {"trashnet": 224, "signs": 224, "hymenoptera": 224, "cifar10": 96}


def main() -> None:
    """Runs all methods on a set and seed, one after the other, then the next."""
    made = parser(__doc__, sets=SIZES, methods=METHODS)
    made.add_argument("--epochs", type=int, nargs=2, default=[20, 10], help="of the guide: frozen, unfrozen")
    options = made.parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for seed in options.seeds
        for method in options.methods
    ]
    run = functools.partial(one, options)
    run_all("time_to_accuracy", jobs, run, options=options, arguments={"epochs": options.epochs}, apart=True)


def one(options: argparse.Namespace, job: Job) -> Result:
    """One method on one set and seed."""
    split = load(job["set"], options.data, seed=job["seed"])
    keras.utils.set_random_seed(job["seed"])
    return METHODS[job["method"]](split, size=SIZES[job["set"]], seed=job["seed"], epochs=options.epochs)


def guide(split: Split, *, size: int, seed: int, epochs: list[int], shuffled: bool = False) -> Result:
    """The guide's loop; after each epoch its seconds, and accuracy on test and validation."""
    order = np.random.RandomState(seed).permutation(len(split.train))
    test = dataset(split.test, size, split.classes).batch(32)
    started = time.perf_counter()
    train = dataset(split.train.take(order), size, split.classes).cache()
    train = (train.shuffle(len(order), seed=seed) if shuffled else train).batch(32).prefetch(10)
    validation = dataset(split.validation, size, split.classes).cache().batch(32).prefetch(10)
    base = backbone(size)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomRotation(0.1)(x)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(len(split.classes))(x))
    clock = Clock(started, test)
    for rate, count in zip((1e-3, 1e-5), epochs, strict=True):
        base.trainable = rate < 1e-3
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        model.fit(train, epochs=count, validation_data=validation, callbacks=[clock], verbose=0)
    return {
        "seconds": clock.course[-1][0],
        "accuracy": max(accuracy for _, accuracy in clock.course),
        "course": clock.course,
        "validation": clock.validation,
        "epoch_seconds": clock.lengths,
        "examples": len(split.test),
    }


class Clock(keras.callbacks.Callback):
    """Measures on the test split after each epoch, while the clock stands."""

    def __init__(self, started: float, test: tf.data.Dataset) -> None:
        super().__init__()
        self.started, self.test = started, test
        self.course: list[tuple[float, float]] = []
        self.validation: list[float] = []
        self.lengths: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Notes when."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Measures, and moves the start by as long as that took."""
        now = time.perf_counter()
        self.lengths.append(now - self.began)
        self.validation.append(float(logs["val_accuracy"]))
        accuracy = self.model.evaluate(self.test, return_dict=True, verbose=0)["accuracy"]
        self.course.append((now - self.started, float(accuracy)))
        print(f"{self.course[-1]}", flush=True)
        self.started += time.perf_counter() - now


def features(split: Split, *, size: int, seed: int, epochs: list[int]) -> Result:
    """Features of `model.predict`, and a logistic regression."""
    started = time.perf_counter()
    base = backbone(size)
    inputs = keras.Input((size, size, 3))
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    regression = GridSearchCV(pipeline, {"logisticregression__C": [1e-4, 1e-3, 1e-2, 1e-1, 1]})
    rows = [
        model.predict(dataset(part, size, split.classes).batch(32), verbose=0)
        for part in (split.train, split.validation)
    ]
    regression.fit(np.concatenate(rows), [*split.train.labels, *split.validation.labels])
    seconds = time.perf_counter() - started
    answers = regression.predict(model.predict(dataset(split.test, size, split.classes).batch(32), verbose=0))
    return finished(split, answers, seconds)


def adapt(split: Split, *, size: int, seed: int, epochs: list[int]) -> Result:
    """`kzoo.adapt`; accuracy after the probe and after each epoch, measured when the clock has stopped."""
    watch = Watch()
    task = kzoo.Classification(split.data())
    arguments: dict[str, Any] = {"size": size, "resize": "squash", "weights": weights(), "seed": seed}
    watch.started = time.perf_counter()
    adapted = kzoo.adapt("mobilenet_v2_035", task, callbacks=[watch], **arguments)
    seconds = time.perf_counter() - watch.started
    print(adapted, flush=True)
    found = finished(split, adapted.predict(split.test.inputs).labels, seconds)
    probe = kzoo.adapt("mobilenet_v2_035", task, schedule="linear_probe", **arguments)
    phases = adapted.record.phases
    # The probe was finished when the next phase began, whose trunk ran before its first epoch.
    moment = watch.began - phases[1].trunk_seconds if watch.epochs else seconds
    course = [(moment, right(split, probe.predict(split.test.inputs).labels))]
    for moment, values in watch.epochs:
        watch.model.set_weights(values)
        course.append((moment, right(split, adapted.predict(split.test.inputs).labels)))
    parts = [{name: getattr(phase, name) for name in ("seconds", "trunk_seconds", "views")} for phase in phases]
    return found | {"course": course, "phases": parts}


class Watch(keras.callbacks.Callback):
    """Keeps when each epoch ended, and its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.started = self.began = 0.0
        self.epochs: list[tuple[float, list[np.ndarray]]] = []

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Notes when."""
        self.began = time.perf_counter() - self.started

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Notes when, and the weights."""
        self.epochs.append((time.perf_counter() - self.started, self.model.get_weights()))


def finished(split: Split, answers: Any, seconds: float) -> Result:
    """The result of a method whose last state counts."""
    accuracy = right(split, answers)
    found = {"seconds": seconds, "accuracy": accuracy, "course": [(seconds, accuracy)], "examples": len(split.test)}
    return found | answered(split.test.labels, answers, split.classes)


def right(split: Split, answers: Any) -> float:
    """Accuracy of answers on the test split."""
    return float(np.mean([str(one) == str(other) for one, other in zip(answers, split.test.labels, strict=True)]))


METHODS = {
    "guide": guide,
    "guide, shuffled": functools.partial(guide, shuffled=True),
    "scikit-learn": features,
    "kzoo": adapt,
}


def dataset(part: Part, size: int, classes: list[str]) -> tf.data.Dataset:
    """Images, stretched, and labels, one by one, as the guide reads them."""
    stored = isinstance(part.inputs, np.ndarray)
    targets = [classes.index(label) for label in part.labels]
    values = tf.data.Dataset.from_tensor_slices((part.inputs if stored else list(part.inputs), targets))

    def read(value: Any, target: Any) -> Any:
        image = value if stored else tf.io.decode_jpeg(tf.io.read_file(value), channels=3)
        return tf.image.resize(image, (size, size)), target

    return values.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def backbone(size: int) -> keras.Model:
    """MobileNetV2 0.35 with ImageNet's weights, which are those for 224 pixels at all sizes."""
    return keras.applications.MobileNetV2((size, size, 3), alpha=0.35, include_top=False, weights=weights())


def weights() -> str:
    """Path of the weight file."""
    return str(Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / WEIGHTS)


if __name__ == "__main__":
    main()
