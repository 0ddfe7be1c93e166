"""Images a second through frozen backbones: `model.predict`, `tf.function`, kzoo's runtimes.

    python benchmarks/feature_throughput.py [--size 224] [--rounds 5] [--backbones ...] [--again]

Random weights, pooled features, medians of interleaved rounds. Batches of 32 for Keras and TensorFlow; kzoo is given 64
and takes them apart itself. The bound is the machine's own: the FLOP/s of a float32 matrix product of 2048 x 2048,
measured in the same run, over the FLOPs of the network.
"""

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from report import Job, Result, parser, run_all

from kzoo.core.graph.costs import model_flops
from kzoo.core.graph.folding import fold
from kzoo.models.construction import build
from kzoo.specs.registry import get_card
from kzoo.training.runtime import graph_call, has_bfloat16, openvino_runtime

BACKBONES = (
    "mobilenet_v2_035",
    "mobilenet_v2_100",
    "mobilenet_v3_small_100",
    "efficientnet_v2_b0",
    "resnet50",
    "densenet121",
)


def main() -> None:
    """Measures each backbone in turn."""
    made = parser(__doc__, data=False, seeds=())
    made.add_argument("--size", type=int, default=224)
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--backbones", nargs="+", default=BACKBONES)
    options = made.parse_args()

    def run(job: Job) -> Result:
        return measure(job["backbone"], options.size, options.rounds)

    jobs = [{"backbone": name} for name in options.backbones]
    arguments = {"size": options.size, "rounds": options.rounds}
    run_all("feature_throughput", jobs, run, options=options, arguments=arguments)


def measure(name: str, size: int, rounds: int) -> Result:
    """Images a second of each way, their ratios to `tf.function`, and the machine's bound."""
    model = build(get_card(name), shape=(size, size, 3), weights=None)
    operations = model_flops(model)
    model = keras.Model(model.input, keras.layers.GlobalAveragePooling2D()(model.output))
    model.trainable = False
    images = np.random.default_rng(0).normal(size=(64, size, size, 3)).astype(np.float32)
    traced = tf.function(lambda x: model(x, training=False))
    halves = [tf.constant(images[:32]), tf.constant(images[32:])]
    folded, converted = graph_call(fold(model)), openvino_runtime(fold(model))
    ways: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(images, batch_size=32, verbose=0),
        "tf.function": lambda: [traced(half).numpy() for half in halves],
        "kzoo": lambda: folded(images),
        "openvino": lambda: converted(images),
        "gemm": gemm,
    }
    if converted.halve and has_bfloat16():
        ways["bfloat16"] = functools.partial(converted.halve(), images)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, call in ways.items():
            started = time.perf_counter()
            call()
            if number:
                times[way].append(time.perf_counter() - started)
    rates = {way: len(images) / statistics.median(seconds) for way, seconds in times.items()}
    bound = GEMM_FLOPS / statistics.median(times["gemm"]) / operations
    found = {
        "predict": round(rates["predict"]),
        "tf.function": round(rates["tf.function"]),
        "kzoo": round(rates["kzoo"]),
        "kzoo / tf.function": rates["kzoo"] / rates["tf.function"],
        "kzoo, OpenVINO": round(rates["openvino"]),
        "OpenVINO / tf.function": rates["openvino"] / rates["tf.function"],
        "bound": round(bound),
    }
    if "bfloat16" in rates:
        found["kzoo, bfloat16"] = round(rates["bfloat16"])
        found["bfloat16 / tf.function"] = rates["bfloat16"] / rates["tf.function"]
    return found


EDGE, REPEATS = 2048, 4
GEMM_FLOPS = REPEATS * 2 * EDGE**3
MATRIX = tf.random.normal((EDGE, EDGE))


def gemm() -> None:
    """Some matrix products."""
    for _ in range(REPEATS):
        tf.linalg.matmul(MATRIX, MATRIX).numpy()


if __name__ == "__main__":
    main()
