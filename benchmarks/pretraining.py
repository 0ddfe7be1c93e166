"""What pretraining without labels is worth: CIFAR-10 with one and with ten per cent of its labels.

    python benchmarks/pretraining.py DATA [--sets ...] [--methods ...] [--seeds 0 1 2] [--again]

DATA is the folder that holds ``cifar10/``, TFRecords. The backbone is that of kzoo_nano_image with random weights, at
32 pixels. It is pretrained on the 50,000 training images without labels, 600 steps of 64 images; then a probe and all
of it are trained on 500 or 5,000 labelled images, another draw for each seed, as the network from the start is; a tenth
of these choose. The test split is that of CIFAR-10. Pretraining runs once a process (seed 0). Sets: percents of labels.
"""

from __future__ import annotations

import dataclasses
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
from report import Job, Result, answered, parser, run_all
from sets import cifar10

import kzoo

CARD = dataclasses.replace(kzoo.get_card("kzoo_nano_image"), name="compact_cnn", inside="")
STEPS = 600
EPOCHS = {"1%": 30, "10%": 5}
COUNTS = {"1%": 500, "10%": 5_000}


@lru_cache(maxsize=1)
def read(data: Path) -> dict[str, tuple[list[bytes], np.ndarray]]:
    """Encoded images and labels of both splits."""
    found = {split: cifar10(data / "cifar10", split) for split in ("train", "test")}
    return {split: (images, np.array(labels)) for split, (images, labels) in found.items()}


@lru_cache(maxsize=1)
def pretrained(data: Path, objective: str) -> kzoo.Pretrained:
    """The backbone, pretrained for an objective."""
    pictures, _ = read(data)["train"]
    made = kzoo.pretrain(CARD, pictures, objective=objective, steps=STEPS, size=32, learning_rate=2e-3)
    print(made, flush=True)
    return made


def run(data: Path, job: Job) -> Result:
    """One objective and number of labels."""
    pictures, labels = read(data)["train"]
    tests = read(data)["test"]
    chosen = np.random.default_rng(job["seed"]).choice(len(labels), COUNTS[job["set"]], replace=False)
    parts = {"train": ([pictures[n] for n in chosen], list(labels[chosen])), "test": (tests[0], list(tests[1]))}
    tuning = kzoo.Phase(
        "*",
        epochs=EPOCHS[job["set"]],
        learning_rate=1e-3,
        batch_norm=True,
        batch_size=32,
        augmentation="light",
        views=60,
    )
    from_start = job["method"] == "from the start"
    schedule = tuning if from_start else kzoo.Schedule((kzoo.LinearProbe(), tuning))
    model = CARD if from_start else pretrained(data, job["method"])
    started = time.perf_counter()
    weights = {"weights": None} if from_start else {}
    adapted = kzoo.adapt(model, kzoo.Classification(parts, validation=0.1), schedule=schedule, size=32, **weights)
    seconds = time.perf_counter() - started
    found = {"seconds": seconds, "kept": adapted.record.kept}
    if not from_start:
        found["pretraining_seconds"] = model.record.seconds
    answers = adapted.predict(tests[0]).labels
    return found | answered(tests[1], answers, sorted(set(tests[1])))


METHODS = ("from the start", "simclr", "barlow_twins", "autoencoder", "masked", "gan")


def main() -> None:
    """Runs each objective, number of labels and draw."""
    options = parser(__doc__, sets=EPOCHS, methods=METHODS).parse_args()
    jobs = [
        {"set": share, "method": method, "seed": seed}
        for method in options.methods
        for share in options.sets
        for seed in options.seeds
    ]
    run_all("pretraining", jobs, lambda job: run(options.data, job), options=options, arguments={"steps": STEPS})


if __name__ == "__main__":
    main()
