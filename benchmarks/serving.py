"""Exported SavedModels: latency and throughput of kzoo's against plain `model.export`'s.

    python benchmarks/serving.py [--backbones mobilenet_v2_035 ...] [--batches 1 8 32] [--calls 200] [--again]

The same network with the same random weights at 224 x 224, exported by `Adapted.export` (signature ``tensor_float``)
and by Keras, both loaded with `tf.saved_model.load`, called in turn with the same float32 pixels. The first calls, that
warm up, are left out; all others are in the result. Each backbone and batch size is a process of its own.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from report import Job, Result, parser, run_all

import kzoo

BACKBONES = ("mobilenet_v2_035", "mobilenet_v2_100", "resnet50")
BATCHES = (1, 8, 32)
SIZE = 224
WARM = 5
"""Calls that warm up."""


def main() -> None:
    """Measures each backbone at each batch size."""
    made = parser(__doc__, data=False, seeds=())
    made.add_argument("--backbones", nargs="+", default=BACKBONES)
    made.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    made.add_argument("--calls", type=int, default=200, help="measured, of each; 200 or more for a p99")
    options = made.parse_args()
    jobs = [{"backbone": name, "batch": batch} for name in options.backbones for batch in options.batches]
    arguments = {"calls": options.calls, "size": SIZE}
    run_all("serving", jobs, functools.partial(measure, options), options=options, arguments=arguments, apart=True)


def measure(options: argparse.Namespace, job: Job) -> Result:
    """Milliseconds of each call."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 255, (max(job["batch"], 30), SIZE, SIZE, 3)).astype(np.float32)
    task = kzoo.Classification((pixels[:30].astype(np.uint8), np.arange(30) % 3))
    adapted = kzoo.adapt(job["backbone"], task, weights=None, schedule="linear_probe", size=SIZE)
    inputs = keras.Input((SIZE, SIZE, 3))
    plain = keras.Model(inputs, adapted.finish(adapted.network(adapted.preprocessor.scale(inputs))))
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        plain.export(theirs, verbose=False)
        one, other = tf.saved_model.load(str(adapted.export(ours))), tf.saved_model.load(theirs)
        ways = {"keras": other.serve, "kzoo": lambda x: one.signatures["tensor_float"](image=x)["probabilities"]}
        image = tf.constant(pixels[: job["batch"]])
        np.testing.assert_allclose(ways["kzoo"](image), ways["keras"](image), atol=1e-4)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(WARM + options.calls):
            for way, call in ways.items():
                started = time.perf_counter()
                call(image).numpy()
                if number >= WARM:
                    times[way].append(round(1e3 * (time.perf_counter() - started), 3))
    return {"milliseconds": times}


if __name__ == "__main__":
    main()
