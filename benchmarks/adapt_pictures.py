"""What `kzoo.adapt` reaches on a folder of pictures, over several seeds of the split and of the training.

    KERAS_HOME=... python benchmarks/adapt_pictures.py DATA [--model mobilenet_v2_035] [--seeds 3] [--json FILE]

Prints a table with versions and machine. Accuracy is on the test split (10%), which chose nothing.
"""

import argparse
import json
import os
import platform
import statistics
import time

import kzoo
from kzoo.tables import Table


def main() -> None:
    """Adapts once a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--model", default="mobilenet_v2_035")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    for seed in range(options.seeds):
        started = time.perf_counter()
        adapted = kzoo.adapt(options.model, kzoo.Classification(options.data, seed=seed), seed=seed)
        seconds = time.perf_counter() - started
        # The probe's own accuracy on the test split, besides: does fine-tuning help?
        probe = kzoo.adapt(
            options.model, kzoo.Classification(options.data, seed=seed), schedule="linear_probe", seed=seed
        )
        rows.append((seed, probe.evaluate()["accuracy"], str(adapted.evaluate().metrics["accuracy"]), seconds))
        print(Table(("seed", "probe", "adapt [95% interval]", "adapt, s"), rows), flush=True)
    versions = adapted.record["versions"]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    mean = statistics.mean(float(row[2].split()[0]) for row in rows)
    print(f"mean accuracy {mean:.3f}; {options.model}; {machine}; {versions}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"model": options.model, "rows": rows, "machine": machine, "versions": versions}, file, indent=2)


if __name__ == "__main__":
    main()
