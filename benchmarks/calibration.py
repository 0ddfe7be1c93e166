"""Calibration error and accuracy before and after the temperature that `kzoo.adapt` fits on validation.

    KERAS_HOME=... python benchmarks/calibration.py DATA [--sets digits signs ...] [--seeds 0] [--labels 100]

DATA is the folder that holds the sets. `kzoo.adapt` runs with its defaults on at most `--labels` labels a class; the
test split chose nothing. Before is the same model with the temperature 1. The expected calibration error is that of
`Adapted.report`, in bins of a tenth.
"""

import argparse
import dataclasses
from functools import partial

from report import Job, Result, parser, run_all
from sets import few, load

import kzoo
from kzoo.results.report.reliability import measure_reliability
from kzoo.task_kinds.kind_registry import get_task_kind

MODELS = {
    "sst2": "ngrams",
    "chnsenticorp": "kzoo_nano_text",
    "fsdd": "keyword_cnn",
    "cifar10": "kzoo_nano_image",
    "trashnet": "mobilenet_v2_035",
    "digits": "auto",
    "signs": "mobilenet_v2_035",
    "hymenoptera": "mobilenet_v2_035",
    "emotion": "kzoo_nano_text",
    "irony": "kzoo_nano_text",
}
"""By set. The first five are development sets."""


def main() -> None:
    """Runs what is not finished."""
    made = parser(__doc__, sets=MODELS, seeds=[0])
    made.add_argument("--labels", type=int, default=100, help="most labels of a class")
    options = made.parse_args()
    jobs = [{"set": name, "method": MODELS[name], "seed": seed} for name in options.sets for seed in options.seeds]
    run_all("calibration", jobs, partial(run, options), options=options, arguments={"labels": options.labels})


def run(options: argparse.Namespace, job: Job) -> Result:
    """Error, accuracy and log loss before and after."""
    split = few(load(job["set"], options.data, seed=job["seed"]), options.labels, seed=job["seed"])
    task = kzoo.Classification(split.data(), audio=True if job["set"] == "fsdd" else None)
    after = kzoo.adapt(job["method"], task, seed=job["seed"], verbose=0)
    found: Result = {"temperature": after.temperature}
    for name, adapted in {"before": dataclasses.replace(after, temperature=1.0), "after": after}.items():
        scores = adapted.evaluate()
        reliability = measure_reliability(get_task_kind("classification"), scores.outputs, scores.truth)
        assert reliability
        error = reliability.ece
        found |= {f"error {name}": error.value, f"interval {name}": [error.low, error.high]}
        found |= {f"{metric} {name}": scores.metrics[metric].value for metric in ("accuracy", "log loss")}
    return found


if __name__ == "__main__":
    main()
