"""Seconds to the best accuracy of the Keras transfer-learning guide, and the best accuracy of each method.

    KERAS_HOME=... python benchmarks/time_to_accuracy.py DATA [--size 224] [--seeds 0 1 2] [--methods guide kzoo ...]

DATA is a folder of class folders, or ``cifar10:FOLDER`` (TFRecords; 2,500 of its training pictures). All methods get
the same split, the same stretched pictures and the ImageNet weights of MobileNetV2 0.35:

- ``guide``: the loop of https://keras.io/guides/transfer_learning: RandomFlip and RandomRotation(0.1) in the model, the
  base frozen for 20 epochs of Adam 1e-3, then all of it unfrozen for 10 epochs at 1e-5, batches of 32;
- ``guide, cached``: the same, with ``cache()`` after decoding and resizing;
- ``scikit-learn``: logistic regression on `model.predict`'s features, standardised;
- ``kzoo``: `kzoo.adapt` as it is, reading and checking the data included, with an empty cache of activations.

Accuracy is on the test split (10%). The guide's best is the best of all its epochs *on the test split*, which favours
it; kzoo's is that of the weights that validation chose. Measuring accuracy is outside of all clocks. How much faster a
method is: the sum over all seeds of the guide's seconds to its best, over that of the method's to the same accuracy.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from report import publish
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kzoo
from kzoo.data.examples import Examples, Splits
from kzoo.data.splits import read
from kzoo.tables import Table

WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"


def main() -> None:
    """Runs each method once a seed, and prints what is known after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--epochs", type=int, nargs=2, default=[20, 10], help="of the guide: frozen, unfrozen")
    parser.add_argument("--json", metavar="FILE", help="written after each run; runs that it holds are not repeated")
    options = parser.parse_args()
    runs = json.loads(Path(options.json).read_text())["runs"] if options.json and Path(options.json).exists() else []
    for seed in options.seeds:
        for method in options.methods:
            if any((run["method"], run["seed"]) == (method, seed) for run in runs):
                continue
            runs.append({"method": method, "seed": seed, **METHODS[method](options, seed)})
            publish(compare(runs), {"data": Path(options.data).name, "size": options.size, "runs": runs}, options.json)


def compare(runs: list[dict[str, Any]]) -> Table:
    """One row a method and seed; the time to the guide's best, where the guide was run with that seed."""
    rows = []
    best = {run["seed"]: max(accuracy for _, accuracy in run["course"]) for run in runs if run["method"] == "guide"}
    for run in sorted(runs, key=lambda run: (run["seed"], list(METHODS).index(run["method"]))):
        goal = best.get(run["seed"])
        reached = [seconds for seconds, accuracy in run["course"] if goal is not None and accuracy >= goal]
        rows.append((run["seed"], run["method"], run["best"], run["seconds"], reached[0] if reached else "never"))
    columns = ("seed", "method", "test accuracy", "total, s", "to the guide's best, s")
    notes = []
    waits = {seed: seconds for seed, method, _, _, seconds in rows if method == "guide"}
    for method in METHODS:
        found = [row for row in rows if row[1] == method]
        if found:
            accuracy, total = (statistics.mean(row[place] for row in found) for place in (2, 3))
            note = f"{method}: mean accuracy {accuracy:.3f}, mean total {total:.1f} s over {len(found)} seeds"
            if all(row[4] != "never" and row[0] in waits for row in found):
                ratio = sum(waits[row[0]] for row in found) / sum(row[4] for row in found)
                note += f"; {ratio:.1f} times as fast as the guide to its best, over all seeds"
            notes.append(note)
    epochs = [seconds for run in runs for seconds in run.get("tuning_epochs", ()) if run["method"] == "guide"]
    if epochs:
        notes.append(f"a fine-tuning epoch of the guide: {statistics.median(epochs):.1f} s (median)")
    return Table(columns, rows, notes=notes)


def guide(options: argparse.Namespace, seed: int, *, cached: bool = False) -> dict[str, Any]:
    """The guide's loop; the course of test accuracy by epoch, and the seconds of each epoch of fine-tuning."""
    splits = split(options, seed)
    keras.utils.set_random_seed(seed)
    course: list[tuple[float, float]] = []
    lengths: list[float] = []
    test = dataset(splits.test, options.size).batch(32)
    started = time.perf_counter()
    held = 0.0

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            nonlocal held
            now = time.perf_counter()
            accuracy = model.evaluate(test, verbose=0)[1]
            course.append((now - started - held, accuracy))
            lengths.append(now - self.began)
            held += time.perf_counter() - now
            print(f"{'cached' if cached else 'guide'} {course[-1]}", flush=True)

    train = dataset(splits.train, options.size)
    validation = dataset(splits.validation, options.size)
    if cached:
        train, validation = train.cache(), validation.cache()
    train = train.shuffle(1024, seed=seed).batch(32).prefetch(10)
    validation = validation.batch(32).prefetch(10)
    base = backbone(options.size)
    base.trainable = False
    inputs = keras.Input((options.size, options.size, 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomRotation(0.1)(x)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(len(splits.labels))(x))
    for rate, epochs in zip((1e-3, 1e-5), options.epochs, strict=True):
        base.trainable = rate < 1e-3
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        model.fit(train, epochs=epochs, validation_data=validation, callbacks=[Clock()], verbose=0)
    best = max(accuracy for _, accuracy in course)
    return {"course": course, "best": best, "seconds": course[-1][0], "tuning_epochs": lengths[options.epochs[0] :]}


def features(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Features of `model.predict`, and a logistic regression."""
    splits = split(options, seed)
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    base = backbone(options.size)
    inputs = keras.Input((options.size, options.size, 3))
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    regression.fit(model.predict(dataset(splits.train, options.size).batch(32), verbose=0), splits.train.targets)
    seconds = time.perf_counter() - started
    test = model.predict(dataset(splits.test, options.size).batch(32), verbose=0)
    accuracy = float(regression.score(test, splits.test.targets))
    return {"course": [(seconds, accuracy)], "best": accuracy, "seconds": seconds}


def adapt(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """`kzoo.adapt`; accuracy after the probe and after each epoch, measured when the clock has stopped."""
    epochs: list[tuple[float, list[np.ndarray]]] = []
    began: list[float] = []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            began.append(time.perf_counter() - started)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs.append((time.perf_counter() - started, self.model.get_weights()))

    watch = Watch()
    task = kzoo.Classification(source(options), seed=seed)
    arguments: dict[str, Any] = {"size": options.size, "resize": "squash", "weights": weights(), "seed": seed}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["KZOO_CACHE"] = cache
        started = time.perf_counter()
        adapted = kzoo.adapt("mobilenet_v2_035", task, callbacks=[watch], **arguments)
        seconds = time.perf_counter() - started
        best = adapted.evaluate()["accuracy"]
        probe = kzoo.adapt("mobilenet_v2_035", task, schedule="linear_probe", **arguments).evaluate()["accuracy"]
    phases = adapted.record["phases"]
    course = [(began[0] - phases[1]["trunk_seconds"] if began else seconds, probe)]
    for moment, values in epochs:
        watch.model.set_weights(values)
        course.append((moment, adapted.evaluate()["accuracy"]))
    parts = [{name: phase[name] for name in ("seconds", "trunk_seconds", "views", "activations")} for phase in phases]
    return {"course": course, "best": best, "seconds": seconds, "phases": parts}


METHODS = {
    "guide": guide,
    "guide, cached": lambda options, seed: guide(options, seed, cached=True),
    "scikit-learn": features,
    "kzoo": adapt,
}


def split(options: argparse.Namespace, seed: int) -> Splits:
    """The split that kzoo makes of the data."""
    return read(kzoo.Classification(source(options), seed=seed))


def source(options: argparse.Namespace) -> Any:
    """What a task takes: a folder, or arrays; a folder ``val`` is the test split where there is no ``test``."""
    root = Path(options.data)
    if (root / "train").is_dir() and (root / "val").is_dir() and not (root / "test").is_dir():
        return {"train": root / "train", "test": root / "val"}
    if not options.data.startswith("cifar10:"):
        return options.data
    features = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}
    files = sorted(str(path) for path in Path(options.data.split(":", 1)[1]).glob("*train*.tfrecord*"))
    records = tf.data.TFRecordDataset(files).take(2500)
    parsed = [tf.io.parse_single_example(record, features) for record in records]
    pictures = np.stack([tf.io.decode_jpeg(each["image"], channels=3).numpy() for each in parsed])
    return pictures, np.array([int(each["label"]) for each in parsed])


def dataset(examples: Examples, size: int) -> tf.data.Dataset:
    """Pictures, stretched, and labels, one by one, as the guide reads them."""
    column = examples.columns["image"]
    paths = column.dtype == object
    values = tf.data.Dataset.from_tensor_slices((list(map(str, column)) if paths else column, examples.targets))

    def load(value: Any, target: Any) -> Any:
        picture = tf.io.decode_jpeg(tf.io.read_file(value), channels=3) if paths else value
        return tf.image.resize(picture, (size, size)), target

    return values.map(load, num_parallel_calls=tf.data.AUTOTUNE)


def backbone(size: int) -> keras.Model:
    """MobileNetV2 0.35 with ImageNet's weights, which are those for 224 pixels at all sizes."""
    return keras.applications.MobileNetV2((size, size, 3), alpha=0.35, include_top=False, weights=weights())


def weights() -> str:
    """Path of the weight file."""
    return str(Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / WEIGHTS)


if __name__ == "__main__":
    main()
