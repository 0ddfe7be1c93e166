"""Scores on spoken digits, and the seconds that they take: backbones for sound and for images, and scikit-learn.

    KERAS_HOME=... python benchmarks/recordings.py DATA [--sets "fsdd" "fsdd, unheard voices"] [--methods ...]
        [--seeds 0 1 2 3 4] [--again]

DATA is the folder that holds ``fsdd/{digit}_{speaker}_{index}.wav``. Of ``fsdd``, a random fifth is the test split,
another for each seed. Of ``fsdd, unheard voices``, each seed draws two of the six speakers for the test split and a
third who chooses; training hears the other three. All methods get the same draw, which the results name. Seconds are
those of `kzoo.adapt`, reading and checking included, with an empty cache; loading the libraries not. Each run is a
process of its own. Backbones for images see spectrograms of 128 x 128 pixels. ``imagenet`` are the weights of
MobileNetV2 0.35 for 224 pixels.

``scikit-learn`` is at its best by cross-validation: log-mel spectrograms in ten parts, the mean and deviation of each
band in each, standardised, and a logistic regression or a support vector machine, whichever cross-validation of the
training and validation splits prefers (of unheard voices: of one speaker at a time).
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from report import Job, Result, answered, parser, run_all
from scipy.io import wavfile
from sets import Split, load, speakers
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import kzoo

SETS = ("fsdd", "fsdd, unheard voices")
WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"


def main() -> None:
    """Runs each method once a set and seed."""
    options = parser(__doc__, sets=SETS, methods=METHODS, seeds=range(5)).parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        for seed in options.seeds
    ]
    run_all("recordings", jobs, functools.partial(run, options), options=options, apart=True)


def run(options: argparse.Namespace, job: Job) -> Result:
    """One method on one set."""
    split = load(job["set"], options.data, seed=job["seed"])
    found = METHODS[job["method"]](split, job)
    if job["set"] == "fsdd":
        return found
    tested, chooses = speakers(job["seed"])
    return {"test_speakers": tested, "validation_speaker": chooses} | found


def baseline(split: Split, job: Job) -> Result:
    """Log-mel features and the better of two classifiers."""
    started = time.perf_counter()
    known = split.train + split.validation
    rows = np.array([log_mel(path) for path in known.inputs])
    voices = [Path(path).stem.split("_")[1] for path in known.inputs]
    folds = StratifiedKFold(5, shuffle=True, random_state=0) if job["set"] == "fsdd" else LeaveOneGroupOut()
    grid = [
        {"model": [LogisticRegression(max_iter=500)], "model__C": [0.001, 0.01, 0.1, 1.0]},
        {"model": [SVC()], "model__C": [1.0, 10.0, 100.0], "model__gamma": [1e-4, 3e-4, 1e-3, 3e-3]},
    ]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.steps[-1] = ("model", pipeline.steps[-1][1])
    search = GridSearchCV(pipeline, grid, cv=folds).fit(rows, known.labels, groups=voices)
    seconds = time.perf_counter() - started
    answers = search.predict(np.array([log_mel(path) for path in split.test.inputs]))
    chosen = {name: str(value) for name, value in search.best_params_.items()}
    found = {"seconds": seconds, "chosen": chosen, "cross_validation": float(search.best_score_)}
    return found | answered(split.test.labels, answers, split.classes)


def log_mel(path: str, *, bands: int = 40, parts: int = 10) -> np.ndarray:
    """Means and deviations of log-mel bands in each tenth of a recording, (2 * bands * parts,)."""
    rate, samples = wavfile.read(path)
    # 25 ms windows, 10 ms apart; what is shorter than eleven of them is padded.
    length, step = int(0.025 * rate), int(0.010 * rate)
    waves = samples.astype(np.float32) / 32768
    waves = np.pad(waves, (0, max(0, length + parts * step - len(waves))))
    power = tf.abs(tf.signal.stft(waves, length, step, fft_length=256)) ** 2
    matrix = tf.signal.linear_to_mel_weight_matrix(bands, power.shape[-1], rate, 20.0, rate / 2)
    pieces = np.array_split(np.log(power.numpy() @ matrix.numpy() + 1e-6), parts)
    return np.concatenate([np.concatenate([piece.mean(axis=0), piece.std(axis=0)]) for piece in pieces])


def adapt(model: str, **options: Any) -> Any:
    """A method: `kzoo.adapt` of a model."""

    def method(split: Split, job: Job) -> Result:
        started = time.perf_counter()
        task = kzoo.Classification(split.data(), audio=True)
        adapted = kzoo.adapt(model, task, seed=job["seed"], **options)
        seconds = time.perf_counter() - started
        print(adapted, flush=True)
        answers = adapted.predict(split.test.inputs).labels
        return {"seconds": seconds} | answered(split.test.labels, answers, split.classes)

    return method


def adapt_imagenet(**options: Any) -> Any:
    """A method: `kzoo.adapt` of a backbone for images, whose weights are looked for when it is run."""

    def method(split: Split, job: Job) -> Result:
        weights = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / WEIGHTS
        return adapt("mobilenet_v2_035", size=128, weights=str(weights), **options)(split, job)

    return method


WHOLE = kzoo.Phase("*", epochs=20, learning_rate=1e-3, batch_norm=True, patience=5, augmentation="light", views=20)
METHODS = {
    "scikit-learn": baseline,
    "keyword_cnn": adapt("keyword_cnn"),
    "mobilenet_v2_035, imagenet, probe": adapt_imagenet(schedule="linear_probe"),
    "mobilenet_v2_035, imagenet": adapt_imagenet(),
    "mobilenet_v2_035, imagenet, all of it": adapt_imagenet(schedule=WHOLE),
    "mobilenet_v2_035, random": adapt("mobilenet_v2_035", size=128, weights=None),
    "mobilenet_v2_035, random, all of it": adapt("mobilenet_v2_035", size=128, weights=None, schedule=WHOLE),
}


if __name__ == "__main__":
    main()
