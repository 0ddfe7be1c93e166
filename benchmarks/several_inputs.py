"""Examples of several inputs beside each input alone, and with inputs missing.

    KERAS_HOME=... python benchmarks/several_inputs.py DATA [--sets ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds the sets. The cases:

- ``digits``: recordings of digits (FSDD) beside images of the same digits (scikit-learn's), each of them used once and
  made noisy, so that it does not suffice by itself; ``kzoo_nano_audio`` and ``kzoo_nano_image``. A random fifth is the
  test split, another tenth validation.
- ``houses``: the logarithm of the price of houses by four photographs and bedrooms, bathrooms, area and zipcode;
  ``mobilenet_v2_035`` and ``row_mlp``, beside scikit-learn's boosting of the numbers. A random fifth is the test split.

All methods see the same splits. Gains are paired over test examples, with 95% intervals of 2,000 bootstrap samples.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from report import Job, Result, parser, run_all
from scipy.io import wavfile
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

import kzoo

Table = dict[str, Any]

PIXEL_NOISE, SOUND_NOISE = 4.0, 0.025
"""Deviations of the noise: of pixels in 0..16, and of samples relative to 1."""

PHOTOGRAPHS = ["frontal", "bedroom_image", "bathroom_image", "kitchen"]
NUMBERS = ["bedrooms", "bathrooms", "area", "zipcode"]


def digits(options: argparse.Namespace, seed: int) -> dict[str, Table]:
    """Pairs of a noisy recording and a noisy image of one digit, in splits."""
    rng = np.random.default_rng(seed)
    images = load_digits()
    sounds: dict[int, list[Any]] = {digit: [] for digit in range(10)}
    for path in sorted((options.data / "fsdd").rglob("*.wav")):
        sounds[int(path.name.split("_")[0])].append(path)
    table: Table = {"image": [], "audio": [], "label": []}
    for digit, paths in sounds.items():
        places = rng.permutation(np.flatnonzero(images.target == digit))
        for place, path in zip(places, rng.permutation(np.array(paths, dtype=object)), strict=False):
            noisy = images.images[place] + rng.normal(scale=PIXEL_NOISE, size=(8, 8))
            table["image"].append((np.clip(noisy, 0, 16) * 255 / 16).astype(np.uint8)[..., None])
            table["audio"].append(noisy_recording(path, rng))
            table["label"].append(str(digit))
    return divide(table, seed=seed, stratify=table["label"])


def noisy_recording(path: Any, rng: np.random.Generator) -> bytes:
    """A recording with noise, as a wav file."""
    rate, samples = wavfile.read(path)
    noisy = samples / 32768 + rng.normal(scale=SOUND_NOISE, size=samples.shape)
    file = io.BytesIO()
    wavfile.write(file, rate, (np.clip(noisy, -1, 1) * 32767).astype(np.int16))
    return file.getvalue()


def houses(options: argparse.Namespace, seed: int) -> dict[str, Table]:
    """Four photographs and four numbers of each house, and the logarithm of its price, in splits."""
    folder = options.data / "houses"
    with open(folder / "houses.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table: Table = {name: [str(folder / row[name]) for row in rows] for name in PHOTOGRAPHS}
    table |= {name: [float(row[name]) for row in rows] for name in NUMBERS}
    table["label"] = [float(np.log(float(row["price"]))) for row in rows]
    return divide(table, seed=seed)


def divide(table: Table, *, seed: int, stratify: Any = None) -> dict[str, Table]:
    """A random fifth for test, a tenth for validation."""
    rows = np.arange(len(table["label"]))
    rest, test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=stratify)
    own = None if stratify is None else [stratify[row] for row in rest]
    train, validation = train_test_split(rest, test_size=0.125, random_state=seed, stratify=own)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: {key: [values[row] for row in part] for key, values in table.items()} for name, part in parts.items()}


def run_digits(options: argparse.Namespace, seed: int) -> Result:
    """Both inputs, each alone, and both with one missing."""
    splits = digits(options, seed)
    both = kzoo.Fusion(["kzoo_nano_image", "kzoo_nano_audio"], how=options.how)
    scores: dict[str, np.ndarray] = {}
    truth = np.array(splits["test"]["label"])

    def hits(adapted: kzoo.Adapted, inputs: object) -> np.ndarray:
        return (np.array(adapted.predict(inputs).labels) == truth).astype(float)

    fused = kzoo.adapt(both, kzoo.Classification(splits, image="image", audio="audio"), seed=seed, verbose=0)
    scores["both"] = hits(fused, {name: splits["test"][name] for name in ("image", "audio")})
    for name, model in (("image", "kzoo_nano_image"), ("audio", "kzoo_nano_audio")):
        alone = {part: ([*table[name]], table["label"]) for part, table in splits.items()}
        adapted = kzoo.adapt(model, kzoo.Classification(alone), seed=seed, verbose=0)
        scores[f"{name} alone"] = hits(adapted, splits["test"][name])
        scores[f"both, {name} only"] = hits(fused, {name: splits["test"][name]})
    better = max(("image alone", "audio alone"), key=lambda name: scores[name].mean())
    pairs = {"both": better, "both, image only": "image alone", "both, audio only": "audio alone"}
    return summarise(scores, pairs, np.mean)


def run_houses(options: argparse.Namespace, seed: int) -> Result:
    """Numbers, photographs, both, both without photographs, and boosting of the numbers."""
    splits = houses(options, seed)
    test = splits["test"]
    truth = np.array(test["label"])
    found: dict[str, np.ndarray] = {}

    def numbers(part: str) -> np.ndarray:
        return np.array([splits[part][name] for name in NUMBERS]).T

    known = np.concatenate([numbers("train"), numbers("validation")])
    prices = [*splits["train"]["label"], *splits["validation"]["label"]]
    found["boosting of the numbers"] = (
        HistGradientBoostingRegressor(random_state=seed).fit(known, prices).predict(numbers("test"))
    )
    rows = kzoo.adapt("row_mlp", kzoo.Regression(splits, row=NUMBERS), seed=seed, verbose=0)
    found["numbers"] = rows.predict({name: test[name] for name in NUMBERS}).outputs[:, 0]
    photographs = kzoo.Fusion(["mobilenet_v2_035"])
    task = kzoo.Regression(splits, image=PHOTOGRAPHS)
    seen = kzoo.adapt(photographs, task, seed=seed, verbose=0)
    found["photographs"] = seen.predict({name: test[name] for name in PHOTOGRAPHS}).outputs[:, 0]
    both = kzoo.adapt(
        kzoo.Fusion(["mobilenet_v2_035", rows], how=options.how),
        kzoo.Regression(splits, image=PHOTOGRAPHS, row=NUMBERS),
        seed=seed,
        verbose=0,
    )
    found["both"] = both.predict({name: test[name] for name in PHOTOGRAPHS + NUMBERS}).outputs[:, 0]
    found["both, numbers only"] = both.predict({name: test[name] for name in NUMBERS}).outputs[:, 0]
    errors = {name: (values - truth) ** 2 for name, values in found.items()}
    spread = float(np.var(truth))
    pairs = {"both": "boosting of the numbers", "both, numbers only": "numbers", "numbers": "boosting of the numbers"}
    return summarise(errors, pairs, lambda values: 1 - np.mean(values) / spread)


def summarise(scores: Mapping[str, np.ndarray], pairs: Mapping[str, str], mean: Callable[[np.ndarray], Any]) -> Result:
    """The score of each method, and the gain of some over others with a 95% interval."""
    rng = np.random.default_rng(0)
    size = len(next(iter(scores.values())))
    gains = {}
    for name, other in pairs.items():
        lots = [rng.integers(0, size, size) for _ in range(2_000)]
        drawn = [mean(scores[name][rows]) - mean(scores[other][rows]) for rows in lots]
        low, high = np.quantile(drawn, [0.025, 0.975])
        gain = mean(scores[name]) - mean(scores[other])
        gains[name] = {"over": other, "gain": [float(gain), float(low), float(high)]}
    result = {
        "scores": {name: float(mean(values)) for name, values in scores.items()},
        "gains": gains,
        "examples": size,
    }
    print(result, flush=True)
    return result


CASES = {"digits": run_digits, "houses": run_houses}


def run(options: argparse.Namespace, job: Job) -> Result:
    """One case."""
    return CASES[job["set"]](options, job["seed"])


def main() -> None:
    """Runs what is not finished."""
    made = parser(__doc__, sets=CASES, seeds=range(3))
    made.add_argument("--how", default="concat", choices=("concat", "gated", "attention"))
    options = made.parse_args()
    jobs = [{"set": name, "method": options.how, "seed": seed} for name in options.sets for seed in options.seeds]
    run_all("several_inputs", jobs, partial(run, options), options=options, apart=True)


if __name__ == "__main__":
    main()
