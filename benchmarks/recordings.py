"""Accuracy on spoken digits, and the seconds that it takes: backbones for sound and for pictures, and scikit-learn.

    python benchmarks/recordings.py DATA [--splits random speakers] [--seeds 0 1 2] [--methods ...] [--json FILE]

DATA is the folder of the Free Spoken Digit Dataset, ``{digit}_{speaker}_{index}.wav``. Split ``random``: a random fifth
is the test split, another for each seed; ``speakers``: all that theo and yweweler said, and another speaker, whom
training has not heard either, chooses. The test split chooses nothing. Seconds are those of `kzoo.adapt`, reading and
checking included, with an empty cache; not those of loading the libraries. Pictures are spectrograms of 128 x 128
pixels. ``imagenet`` are the weights of MobileNetV2 0.35 for 224 pixels, which Keras downloads.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
from report import choose, means, repeat
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kzoo
from kzoo.data.audio import Recordings, fit_recordings
from kzoo.data.splits import read
from kzoo.models.weights import find_weights

TEST = {"random": 0.2, "speakers": ["theo", "yweweler"]}
CHOOSES = {"random": 0.1, "speakers": ["lucas"]}


def main() -> None:
    """Runs each method once a split and seed, and prints what is known after each."""
    options = choose(__doc__, "--splits", sets=TEST, methods=METHODS)
    jobs = [
        {"set": split, "method": method, "seed": seed}
        for split in options.sets
        for method in options.methods
        for seed in options.seeds
    ]
    repeat(jobs, lambda job: run(options.data, job), table=means, path=options.json)


def run(data: Path, job: dict[str, Any]) -> dict[str, Any]:
    """One method on one split."""
    task = kzoo.Classification(
        data,
        audio=True,
        label=lambda path: path.stem.split("_")[0],
        groups=(lambda path: path.stem.split("_")[1]) if job["set"] == "speakers" else None,
        test=TEST[job["set"]],
        validation=CHOOSES[job["set"]],
        seed=job["seed"],
    )
    return METHODS[job["method"]](task, job["seed"])


def baseline(task: kzoo.Classification, seed: int) -> dict[str, Any]:
    """Log-mel spectrograms in ten parts, the mean and deviation of each band in each, and logistic regression."""
    splits = read(task, "audio")
    started = time.perf_counter()
    card = kzoo.get_model("keyword_cnn")
    preprocessor, _ = fit_recordings(card, splits.train.columns["audio"], size=None, resize="crop", channels=1)

    def features(part: Any) -> np.ndarray:
        reader = Recordings(part.columns["audio"], preprocessor)
        rows = [reader.load(np.int64(index), "none", [0])[0].numpy() for index in range(len(part))]
        parts = [np.array_split(row, 10) for row in rows]
        return np.array([[part.mean(axis=0) for part in row] + [part.std(axis=0) for part in row] for row in parts])

    train, test = (features(part).reshape(len(part), -1) for part in (splits.train, splits.test))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)).fit(train, splits.train.targets)
    answers, truth = model.predict(test), splits.test.targets
    scores = {"accuracy": accuracy_score(truth, answers), "macro-F1": f1_score(truth, answers, average="macro")}
    return scores | {"seconds": time.perf_counter() - started}


def adapt(model: str, **options: Any) -> Any:
    """A method: `kzoo.adapt` of a model."""

    def method(task: kzoo.Classification, seed: int) -> dict[str, Any]:
        started = time.perf_counter()
        adapted = kzoo.adapt(model, task, seed=seed, **options)
        seconds = time.perf_counter() - started
        print(adapted, flush=True)
        found = adapted.evaluate()
        scores = [phase["scores"] for phase in adapted.record["phases"]]
        return {name: found[name] for name in ("accuracy", "macro-F1")} | {"seconds": seconds, "phases": scores}

    return method


def adapt_imagenet(**options: Any) -> Any:
    """A method: `kzoo.adapt` of a backbone for pictures, whose weights are looked for when it is run."""

    def method(task: kzoo.Classification, seed: int) -> dict[str, Any]:
        card = kzoo.get_model("mobilenet_v2_035")
        return adapt(card.name, size=128, weights=find_weights(card, size=224), **options)(task, seed)

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
