"""Exported SavedModels: latency and throughput of kzoo's against plain `model.export`'s.

    python benchmarks/serving.py [--size 224] [--calls 60] [--json FILE]

The same network with the same random weights, exported by `Adapted.export` (signature ``tensor_float``) and by Keras,
both loaded with `tf.saved_model.load`, called in turn with the same float32 pixels.
"""

import argparse
import tempfile
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from report import publish

import kzoo
from kzoo.tables import Table

BACKBONES = ("mobilenet_v2_035", "mobilenet_v2_100", "resnet50")
BATCHES = (1, 8, 32)


def main() -> None:
    """Measures each backbone at each batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows: list[tuple[Any, ...]] = []
    for name in options.backbones:
        rows += measure(name, options.size, options.calls)
    columns = ("backbone", "batch", "export", "p50, ms", "p99, ms", "pictures/s", "ratio")
    publish(Table(columns, rows), {"rows": rows, "columns": columns, "size": options.size}, options.json)


def measure(name: str, size: int, calls: int) -> list[tuple[Any, ...]]:
    """Two rows a batch size."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 255, (max(BATCHES), size, size, 3)).astype(np.float32)
    task = kzoo.Classification((pixels[:30].astype(np.uint8), np.arange(30) % 3))
    card = kzoo.get_model(name)
    adapted = kzoo.adapt(card, task, weights=None, schedule="linear_probe", size=size)
    inputs = keras.Input((size, size, 3))
    plain = keras.Model(inputs, adapted.finish(adapted.network(adapted.preprocessor.scale(inputs))))
    rows = []
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        plain.export(theirs, verbose=False)
        one, other = tf.saved_model.load(str(adapted.export(ours))), tf.saved_model.load(theirs)
        ways = {"keras": other.serve, "kzoo": lambda x: one.signatures["tensor_float"](image=x)["probabilities"]}
        for batch in BATCHES:
            image = tf.constant(pixels[:batch])
            np.testing.assert_allclose(ways["kzoo"](image), ways["keras"](image), atol=1e-4)
            times: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(max(calls // (1 + batch // 8), 15)):
                for way, call in ways.items():
                    started = time.perf_counter()
                    call(image).numpy()
                    if number >= 3:
                        times[way].append(time.perf_counter() - started)
            medians = {way: float(np.median(found)) for way, found in times.items()}
            for way, found in times.items():
                figures = (1e3 * medians[way], 1e3 * float(np.quantile(found, 0.99)), round(batch / medians[way]))
                rows.append((name, batch, way, *figures, medians["keras"] / medians[way]))
    return rows


if __name__ == "__main__":
    main()
