"""`Adapted.predict` of one input at a time: what it takes beyond its network, from the second call on.

    python benchmarks/predict.py [--calls 200] [--again]

For each modality a model with random weights, and files or texts made here. Each call gets another one. The network
alone is called in turn with `predict`, with the same examples in the same batch size, which `predict` pads to.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from report import Job, Result, parser, run_all
from scipy.io import wavfile

import kzoo
from kzoo.core.graph.calling import forward

COUNT = 60


def main() -> None:
    """Measures each modality."""
    made = parser(__doc__, data=False, seeds=())
    made.add_argument("--calls", type=int, default=200)
    options = made.parse_args()
    jobs = [{"modality": modality, "backbone": name} for modality, (name, _) in MADE.items()]
    arguments = {"calls": options.calls}
    run_all("predict", jobs, partial(run, options.calls), options=options, arguments=arguments)


def run(calls: int, job: Job) -> Result:
    """Milliseconds on the clock and of the processor, of each call of the network, of `predict` and of `embed`."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = MADE[job["modality"]][1](Path(folder))
        found = measure(job["backbone"], inputs, calls)
    names = ("milliseconds", "cpu_milliseconds")
    return {
        name: {way: [round(1e3 * seconds[place], 3) for seconds in figures] for way, figures in found.items()}
        for place, name in enumerate(names)
    }


def measure(name: str, inputs: Sequence[object], calls: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds on the clock and of the processor of each call, by way; the first call of each is left out."""
    task = kzoo.Classification((inputs, np.arange(len(inputs)) % 3))
    adapted = kzoo.adapt(name, task, weights=None, schedule="linear_probe")
    column = np.empty(1, dtype=object)

    def network(value: Any) -> tuple[float, float]:
        column[:] = [str(value) if isinstance(value, Path) else value]
        examples, _ = adapted.inference.loader.load(column)
        inference = adapted.inference
        return _timed(lambda: forward(inference.predict, (examples,), batch_size=inference.batch_size))

    ways: dict[str, Callable[[Any], Any]] = {"predict": adapted.predict, "embed": adapted.embed}
    found: dict[str, list[tuple[float, float]]] = {"network": [], **{way: [] for way in ways}}
    for number in range(calls + 1):
        value = inputs[number % len(inputs)]
        times = {"network": network(value)} | {way: _timed(partial(call, value)) for way, call in ways.items()}
        for way, figures in times.items():
            if number:
                found[way].append(figures)
    return found


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
