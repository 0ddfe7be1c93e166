"""`Adapted.predict` of one input at a time: what it takes beyond its network, from the second call on.

    python benchmarks/predict.py [--calls 200] [--json FILE]

For each modality a model with random weights, and files or texts made here. Each call gets another one. The network
alone is called in turn with `predict`, with the same examples in the same batch size, which `predict` pads to.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from report import publish
from scipy.io import wavfile

import kzoo
from kzoo.adapted import BATCH
from kzoo.tables import Table
from kzoo.training.trunk import forward

COLUMNS = ("input", "backbone", "what", "p50, ms", "p99, ms", "CPU, ms a call")
COUNT = 60


def main() -> None:
    """Measures each modality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for modality, (name, make) in MADE.items():
            rows += measure(modality, name, make(Path(folder)), options.calls)
    publish(Table(COLUMNS, rows), {"rows": rows, "columns": COLUMNS, "batch": BATCH}, options.json)


def measure(modality: str, name: str, inputs: Sequence[Any], calls: int) -> list[tuple[Any, ...]]:
    """Three rows: the network, `predict`, and `embed`."""
    task = kzoo.Classification((inputs, np.arange(len(inputs)) % 3))
    adapted = kzoo.adapt(name, task, weights=None, schedule="linear_probe")
    column = np.empty(1, dtype=object)

    def network(value: Any) -> float:
        column[:] = [str(value) if isinstance(value, Path) else value]
        examples, _ = adapted._loader.load(column)
        return _timed(lambda: forward(adapted._call, (examples,), batch_size=BATCH))

    ways: dict[str, Callable[[Any], Any]] = {"predict": adapted.predict, "embed": adapted.embed}
    found: dict[str, list[Any]] = {"network": [], **{way: [] for way in ways}}
    for number in range(calls + 1):
        value = inputs[number % len(inputs)]
        times = {"network": network(value)} | {way: _timed(partial(call, value)) for way, call in ways.items()}
        for way, figures in times.items():
            if number:
                found[way].append(figures)
    rows = []
    for way, figures in found.items():
        wall, cpu = 1e3 * np.asarray(figures).T
        rows.append((modality, name, way, *(round(float(np.quantile(wall, at)), 2) for at in (0.5, 0.99)), cpu.mean()))
    return rows


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - started, time.process_time() - used


def images(folder: Path) -> list[Path]:
    """JPEG files of 640 x 480 pixels."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(COUNT)]
    for path in paths:
        small = tf.image.resize(rng.uniform(0, 255, (12, 16, 3)), (480, 640))
        path.write_bytes(tf.io.encode_jpeg(tf.cast(small, tf.uint8)).numpy())
    return paths


def texts(folder: Path) -> list[str]:
    """Texts of 60 words."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(500)]
    return [" ".join(rng.choice(words, 60)) for _ in range(COUNT)]


def recordings(folder: Path) -> list[Path]:
    """Wav files of one second of noise at 16,000 Hz."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(COUNT)]
    for path in paths:
        wavfile.write(path, 16_000, rng.integers(-9_000, 9_000, 16_000, dtype=np.int16))
    return paths


MADE = {
    "image": ("mobilenet_v2_035", images),
    "text": ("text_cnn", texts),
    "audio": ("keyword_cnn", recordings),
}
"""A backbone and what makes inputs, by modality."""


if __name__ == "__main__":
    main()
