"""What a LiteRT file costs: score, bytes and milliseconds of each quantization, beside the model.

    KERAS_HOME=... python benchmarks/formats.py DATA [--seeds 0]

DATA is the folder that holds ``trashnet/``. MobileNetV2 0.35 is adapted with kzoo's defaults. The change of accuracy is
paired, on the test split, with one view of each image; the calibration examples are training images.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

from report import Job, Result, parser, run_all
from sets import load

import kzoo

QUANTIZATIONS = (None, "float16", "dynamic", "int8")


def main() -> None:
    """Runs what is not finished."""
    options = parser(__doc__, seeds=[0]).parse_args()
    jobs = [{"set": "trashnet", "method": "mobilenet_v2_035", "seed": seed} for seed in options.seeds]
    run_all("formats", jobs, partial(run, options), options=options)


def run(options: argparse.Namespace, job: Job) -> Result:
    """The cost of each file."""
    split = load(job["set"], options.data, seed=job["seed"])
    adapted = kzoo.adapt(job["method"], kzoo.Classification(split.data()), seed=job["seed"], verbose=0)
    result: Result = {}
    for quantize in QUANTIZATIONS:
        with tempfile.TemporaryDirectory() as folder:
            version = adapted.export(folder, format="litert", quantize=quantize, tolerance=1.0)
            cost = json.loads((version / "model.json").read_text(encoding="utf-8"))["cost"]
            size = (Path(version) / "model.tflite").stat().st_size
        result[quantize or "float32"] = {**cost, "bytes": size}
        print(quantize, result[quantize or "float32"], flush=True)
    return result


if __name__ == "__main__":
    main()
