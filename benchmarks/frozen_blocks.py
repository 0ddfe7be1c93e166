"""Seconds an epoch of fine-tuning an encoder whose lowest blocks are frozen: kzoo against the plain loop.

    python benchmarks/frozen_blocks.py DATA [--train last:2] [--epochs 3] [--examples 2000] [--again]

DATA is the folder that holds ``sst2/train.tsv``. `minilm_l6` has six blocks; ``last:2`` trains the two highest and
the head, and freezes four. The plain loop is ``model.fit`` of the same network on the same token ids, with the same
optimizer, frozen layers not trainable, as the Keras transfer-learning guide has it. kzoo runs what is frozen once,
which is counted by itself; its cache is empty. Of the plain loop's epochs the first, which compiles, is left out; of
kzoo's, all are counted.
"""

import argparse
import statistics
import time
from functools import partial

import keras
import numpy as np
from report import Job, Result, parser, run_all
from sets import load

import kzoo
from kzoo.models.assembly import assemble
from kzoo.setup.prepare import source_of
from kzoo.specs.head import Head


def main() -> None:
    """Runs both, one after the other."""
    made = parser(__doc__, seeds=())
    made.add_argument("--train", default="last:2")
    made.add_argument("--epochs", type=int, default=3)
    made.add_argument("--examples", type=int, default=2000)
    options = made.parse_args()
    arguments = {"epochs": options.epochs, "examples": options.examples}
    run_all("frozen_blocks", [{"train": options.train}], partial(run, options), options=options, arguments=arguments)


def run(options: argparse.Namespace, job: Job) -> Result:
    """Both loops."""
    part = load("sst2", options.data, seed=0).train
    texts, labels = part.inputs[: options.examples], part.labels[: options.examples]
    phase = kzoo.Phase(job["train"], epochs=options.epochs, learning_rate=1e-4, batch_size=32)
    adapted = kzoo.adapt("minilm_l6", kzoo.Classification((list(texts), list(labels))), schedule=phase)
    (done,) = adapted.record.phases
    ours = (done.seconds - done.trunk_seconds) / options.epochs
    plain = plain_loop(adapted, list(adapted.data.train.columns["text"]), phase)
    return {
        "plain loop, s an epoch": plain,
        "kzoo, s an epoch": ours,
        "kzoo, s once for what is frozen": done.trunk_seconds,
        "ratio of epochs": plain / ours,
        f"ratio over {options.epochs} epochs, all counted": plain * options.epochs / done.seconds,
    }


def plain_loop(adapted: kzoo.Adapted, texts: list[str], phase: kzoo.Phase) -> float:
    """Median seconds of an epoch of `model.fit`, without the first."""
    size = adapted.preprocessor.size
    backbone = source_of("minilm_l6", weights="auto").build((size,))
    assembled = assemble(backbone, head=Head(), outputs=2)
    trained = phase.groups(list(assembled.groups))
    for name, layers in assembled.groups.items():
        for layer in layers:
            layer.trainable = name in trained
    ids = np.concatenate([adapted.preprocessor.tokenize(texts[at : at + 256]) for at in range(0, len(texts), 256)])
    targets = np.eye(2, dtype=np.float32)[adapted.data.train.targets]
    model = assembled.model
    model.compile(keras.optimizers.Adam(1e-4), keras.losses.CategoricalCrossentropy(from_logits=True))
    times = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(-time.perf_counter()),
        on_epoch_end=lambda epoch, logs: times.append(times.pop() + time.perf_counter()),
    )
    model.fit(ids, targets, batch_size=phase.batch_size, epochs=phase.epochs + 1, callbacks=[clock], verbose=0)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
