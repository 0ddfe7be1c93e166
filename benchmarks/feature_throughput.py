"""Pictures a second through frozen backbones: `model.predict`, `tf.function`, kzoo's runtimes.

    python benchmarks/feature_throughput.py [--size 224] [--rounds 5] [--json FILE]

Random weights, pooled features, medians of interleaved rounds. Batches of 32 for Keras and TensorFlow; kzoo is given 64
and takes them apart itself. The bound is the machine's own: the FLOP/s of a float32 matrix product of 2048 x 2048,
measured in the same run, over the FLOPs of the network.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from report import publish

from kzoo.models.backbones import build
from kzoo.models.folding import fold
from kzoo.models.stages import flops
from kzoo.specs.registry import get_model
from kzoo.tables import Table
from kzoo.training.runtime import graph_call, openvino_call

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    for name in options.backbones:
        rows.append(measure(name, options.size, options.rounds))
        columns = ("backbone", "predict", "tf.function", "kzoo", "ratio", "kzoo, OpenVINO", "ratio", "bound", "of it")
        title = "pictures/s; ratios to tf.function; bound by the machine's GEMM, and the best one's share of it"
        publish(
            Table(columns, rows, title=title), {"rows": rows, "columns": columns, "size": options.size}, options.json
        )


def measure(name: str, size: int, rounds: int) -> tuple[Any, ...]:
    """One row of the table."""
    model = build(get_model(name), shape=(size, size, 3), weights=None)
    operations = sum(flops(operation) for operation in model.operations)
    model = keras.Model(model.input, keras.layers.GlobalAveragePooling2D()(model.output))
    model.trainable = False
    pictures = np.random.default_rng(0).normal(size=(64, size, size, 3)).astype(np.float32)
    traced = tf.function(lambda x: model(x, training=False))
    halves = [tf.constant(pictures[:32]), tf.constant(pictures[32:])]
    folded, converted = graph_call(fold(model)), openvino_call(fold(model))
    ways: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(pictures, batch_size=32, verbose=0),
        "tf.function": lambda: [traced(half).numpy() for half in halves],
        "kzoo": lambda: folded(pictures),
        "openvino": lambda: converted(pictures),
        "gemm": gemm,
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, call in ways.items():
            started = time.perf_counter()
            call()
            if number:
                times[way].append(time.perf_counter() - started)
    rates = {way: len(pictures) / statistics.median(seconds) for way, seconds in times.items()}
    bound = GEMM_FLOPS / statistics.median(times["gemm"]) / operations
    ours, fastest = rates["kzoo"], max(rates["kzoo"], rates["openvino"])
    shown = [round(rates[way]) for way in ("predict", "tf.function")]
    ratios = [round(rates[way] / rates["tf.function"], 2) for way in ("kzoo", "openvino")]
    return (
        name,
        *shown,
        round(ours),
        ratios[0],
        round(rates["openvino"]),
        ratios[1],
        round(bound),
        f"{fastest / bound:.0%}",
    )


EDGE, REPEATS = 2048, 4
GEMM_FLOPS = REPEATS * 2 * EDGE**3
MATRIX = tf.random.normal((EDGE, EDGE))


def gemm() -> None:
    """Some matrix products."""
    for _ in range(REPEATS):
        tf.linalg.matmul(MATRIX, MATRIX).numpy()


if __name__ == "__main__":
    main()
