"""Parameters, accuracy and seconds of full tuning, of each adapter and of the probe alone, on few labels.

    KERAS_HOME=... python benchmarks/adapters.py DATA [--methods ...] [--seeds 0] [--labels 30] [--epochs 8]

DATA is the folder that holds ``trashnet/``. MobileNetV2 0.35 with the ImageNet weights for 224 pixels, at 96 pixels,
stretched. Each seed draws another test split, and `--labels` labels a class, a fifth of them for validation. Every
method but the probe tunes all groups from a probe, for as many epochs, without augmentation; of two rates, the one of
the lowest validation loss counts: what suits one method does not suit another. Seconds are those of the phase at that
rate.
"""

import argparse
import dataclasses
from functools import partial
from typing import Any

from report import Job, Result, answered, parser, run_all
from sets import few, load

import kzoo

ADAPTERS: dict[str, Any] = {
    "full": None,
    "LoRA 4": kzoo.LoRA(rank=4),
    "LoRA 8": kzoo.LoRA(rank=8),
    "LoRA 16": kzoo.LoRA(rank=16),
    "serial 8": kzoo.SerialAdapter(rank=8),
    "BitFit": kzoo.BitFit(),
    "L2-SP 0.01": kzoo.L2SP(0.01),
}
PROBE = "probe"
RATES = (1e-3, 4e-3)
SIZE = 96


def main() -> None:
    """Runs all methods of a seed, one after the other."""
    made = parser(__doc__, methods=[PROBE, *ADAPTERS], seeds=(0, 1, 2))
    made.add_argument("--labels", type=int, default=30)
    made.add_argument("--epochs", type=int, default=8)
    options = made.parse_args()
    jobs = [{"set": "trashnet", "method": method, "seed": seed} for seed in options.seeds for method in options.methods]
    arguments = {"labels": options.labels, "epochs": options.epochs, "size": SIZE}
    run_all("adapters", jobs, partial(run, options), options=options, arguments=arguments)


def run(options: argparse.Namespace, job: Job) -> Result:
    """One method at its best rate."""
    split = few(load(job["set"], options.data, seed=job["seed"]), options.labels, seed=job["seed"])
    card = kzoo.get_card("mobilenet_v2_035")
    card = dataclasses.replace(card, weights=tuple(file for file in card.weights if file.size in (None, 224)))
    task = kzoo.Classification(split.data())
    made = {
        rate: {
            "schedule": schedule(job["method"], rate, epochs=options.epochs),
            "size": SIZE,
            "resize": "squash",
            "seed": job["seed"],
            "verbose": 0,
        }
        for rate in (RATES if job["method"] != PROBE else RATES[:1])
    }
    found = {rate: kzoo.adapt(card, task, **arguments) for rate, arguments in made.items()}
    rate = min(found, key=lambda rate: found[rate].record.phases[-1].scores["val_loss"])
    adapted = found[rate]
    labels = adapted.predict(list(split.test.inputs), tta=False).labels
    return {
        "rate": rate,
        "parameters": kzoo.plan(card, task, **made[rate]).phases.rows[-1][1],
        "of": adapted.network.count_params(),
        "kept": adapted.record.kept,
        "seconds": adapted.record.phases[-1].seconds,
        **answered(split.test.labels, labels, split.classes),
    }


def schedule(method: str, rate: float, *, epochs: int) -> kzoo.Schedule:
    """A probe that is not solved again, and the method's phase from it."""
    probe = kzoo.LinearProbe(refit=False)
    if method == PROBE:
        return kzoo.Schedule([probe], name=method)
    tuning = kzoo.Phase(
        "*", epochs=epochs, learning_rate=rate, batch_size=16, label_smoothing="auto", adapter=ADAPTERS[method]
    )
    return kzoo.Schedule([probe, tuning], name=method)


if __name__ == "__main__":
    main()
