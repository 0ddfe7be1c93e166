"""Accuracy on series of numbers, from random weights: recurrent and convolutional networks, and scikit-learn.

    python benchmarks/series.py [--sets JapaneseVowels ...] [--methods series_gru ...] [--seeds 0 1 2] [--again]

The sets are those of the UCR and UEA archives (timeseriesclassification.com) that come inside the package ``aeon``,
which ``pip install --no-deps aeon`` installs; it is not imported. Their splits into training and test are official; a
tenth of the training series chooses. They were used for no choice.

``scikit-learn`` sees each series as 64 steps, by linear interpolation, with mean, deviation, least and largest value of
each feature, standardised. Five-fold cross-validation over all training series chooses between logistic regression and
a support vector machine, and their penalties.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from report import Job, Result, answered, parser, run_all
from sets import ARCHIVE, Part
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import kzoo

NETWORKS = ("series_gru", "series_lstm", "series_tcn")
STEPS = 64


def main() -> None:
    """Runs each method once a set and seed."""
    made = parser(__doc__, data=False, sets=ARCHIVE, methods=(*NETWORKS, "scikit-learn"))
    options = made.parse_args()
    jobs = [
        {"set": name, "method": method, "seed": seed}
        for name in options.sets
        for method in options.methods
        for seed in options.seeds
    ]
    run_all("series", jobs, run, options=options)


def run(job: Job) -> Result:
    """One method on one set."""
    train, test = read(job["set"], "TRAIN"), read(job["set"], "TEST")
    started = time.perf_counter()
    if job["method"] == "scikit-learn":
        answers = baseline(train, test, seed=job["seed"])
    else:
        parts = {name: (list(part.inputs), list(part.labels)) for name, part in (("train", train), ("test", test))}
        adapted = kzoo.adapt(job["method"], kzoo.Classification(parts), weights=None, seed=job["seed"], verbose=0)
        answers = adapted.predict(list(test.inputs)).labels
    seconds = time.perf_counter() - started
    classes = sorted({*train.labels, *test.labels})
    return {"seconds": seconds, "train": len(train)} | answered(test.labels, answers, classes)


def read(name: str, part: str) -> Part:
    """The series, float32 (T, features) each, and labels of a file of the archive; ``?`` is a missing value."""
    found = find_spec("aeon")
    if found is None or found.origin is None:
        raise ImportError("The series are files of the package aeon: pip install --no-deps aeon")
    path = Path(found.origin).parent / "datasets" / "data" / name / f"{name}_{part}.ts"
    series, labels = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and line[0] not in "#@":
            *features, label = line.strip().split(":")
            columns = [[np.nan if value == "?" else float(value) for value in each.split(",")] for each in features]
            series.append(np.array(columns, np.float32).T)
            labels.append(label)
    return Part(series, labels)


def baseline(train: Part, test: Part, *, seed: int) -> list[object]:
    """What the better of two classifiers of scikit-learn answers."""
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    grid = [
        {"model": [LogisticRegression(max_iter=500)], "model__C": [0.001, 0.01, 0.1, 1.0, 10.0]},
        {"model": [SVC()], "model__C": [1.0, 10.0, 100.0], "model__gamma": [1e-4, 1e-3, 1e-2, "scale"]},
    ]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.steps[-1] = ("model", pipeline.steps[-1][1])
    search = GridSearchCV(pipeline, grid, cv=folds)
    search.fit(np.stack([flat(each) for each in train.inputs]), train.labels)
    return list(search.predict(np.stack([flat(each) for each in test.inputs])))


def flat(series: object) -> np.ndarray:
    """A series (T, features) as 64 steps of each feature and four statistics of it, (68 * features,)."""
    columns = []
    for values in np.asarray(series, np.float64).T:
        known = np.flatnonzero(np.isfinite(values))
        own = values[known] if len(known) else np.zeros(1)
        places = known if len(known) else np.zeros(1)
        steps = np.interp(np.linspace(0, max(len(values) - 1, 0), STEPS), places, own)
        columns.append([*steps, own.mean(), own.std(), own.min(), own.max()])
    return np.concatenate(columns)


if __name__ == "__main__":
    main()
