"""What is killed, or given too small a disk: each verb in a process of its own, and what its files say afterwards.

Processes are forked before TensorFlow computes anything, so that none of them imports it again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kzoo
from kzoo.core import storage
from kzoo.core.storage import CHECKSUMS, EXPORT_CHECKSUMS, recover, verify_checksums
from kzoo.models.weights import digest_of
from kzoo.pretraining import steps
from kzoo.training.resuming import phase_checkpoints

WEIGHTS = "weights"
"""The file to which a verb that came to its end writes the digest of its weights."""

PHASE = kzoo.Phase("*", epochs=3, batch_size=8, learning_rate=1e-3, augmentation="light", views=2)


def fork(act: Callable[[], object]) -> int:
    """Calls a function in a process of its own. Returns the process's number."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        # A checkpoint before each step.
        phase_checkpoints.INTERVAL = steps.INTERVAL = 0.0
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        act()
        code = 0
    finally:
        os._exit(code)


def run(verb: str, directory: Path, *, between: int = 0) -> None:
    """Runs a verb to its end, and notes its weights.

    Args:
        verb: one of `VERBS`.
        directory: of all that it writes.
        between: it kills the process in so many replacements of a directory, after the first of two renames; 0: never.
    """
    if between:
        storage.os = Between(between)
    directory.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)
    weights = VERBS[verb](directory)
    (directory / WEIGHTS).write_text(digest_of(weights))


class Between:
    """The module `os`, in which the first rename of a replacement kills the process."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def rename(self, source: os.PathLike[str], target: os.PathLike[str]) -> None:
        """As `os.rename`; then the end, if it moved away what is replaced."""
        os.rename(source, target)
        if ".old-" in os.fspath(target):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


def wait_for(process: int) -> bool:
    """Waits for the end of a process. Returns whether it was killed."""
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"A run that was not killed ended with code {os.WEXITSTATUS(status)}.")
    return False


def progress(directory: Path) -> tuple[int, int, int]:
    """Phases that are done, and epochs and steps of the next one, as checkpoints say; all of them are read.

    Raises:
        DamagedError: a file is missing or changed.
    """
    for target in targets(directory):
        recover(target)
    done, phase, within = 0, 0, (0, 0)
    for sums in directory.rglob(CHECKSUMS):
        if any(part.startswith(".") for part in sums.relative_to(directory).parts):
            continue
        if sums.parent.name == Path(EXPORT_CHECKSUMS).parent.name:
            verify_checksums(sums.parents[1], sums=EXPORT_CHECKSUMS)
            continue
        verify_checksums(sums.parent)
        name, path = sums.parent.name, sums.parent / "state.json"
        values = json.loads(path.read_text())["state"] if path.exists() else {}
        if name.startswith("phase"):
            done = max(done, int(name.removeprefix("phase")))
        elif name == "within":
            phase, within = values["phase"], (values["epochs"], values["steps"])
        elif name == "run" and "step" in values:
            phase, within = 1, (0, values["step"])
    # What is left of a phase that has ended says nothing.
    return (done, *(within if phase > done else (0, 0)))


def targets(directory: Path) -> Iterator[Path]:
    """Directories that a writer has moved away before it was killed."""
    for aside in directory.rglob(".*.old-*"):
        yield aside.parent / aside.name[1:].split(".old-")[0]


def images(count: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 16, 16, 3) of three classes, and the classes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 100, (count, 16, 16, 3))
    pixels[np.arange(count), :, :, np.arange(count) % 3] += 120
    return pixels.astype(np.uint8), np.arange(count) % 3


def network(name: str = "net") -> keras.Model:
    """A small backbone with dropout, from random weights."""
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=2)(keras.layers.Dropout(0.1)(x)), name=name)


def adapt(directory: Path) -> list[np.ndarray]:
    """``kzoo.adapt``, ``save`` and ``export``."""
    schedule = [kzoo.LinearProbe(), PHASE, PHASE]
    adapted = kzoo.adapt(
        network(), kzoo.Classification(images()), schedule=schedule, directory=directory / "run", verbose=0
    )
    adapted.save(directory / "saved")
    adapted.export(directory / "served")
    return adapted.network.get_weights()


def pretrain(directory: Path) -> list[np.ndarray]:
    """``kzoo.pretrain`` and ``save``."""
    made = kzoo.pretrain(
        network(), images()[0], objective="autoencoder", steps=8, eval_every=3, batch_size=8,
        checkpoint_dir=directory / "run",
    )  # fmt: skip
    made.save(directory / "saved")
    return made.backbone.get_weights()


def distill(directory: Path) -> list[np.ndarray]:
    """``kzoo.distill``, of a teacher that is always the same."""
    teacher = kzoo.adapt(network("teacher"), kzoo.Classification(images()), schedule="linear_probe", verbose=0)
    keras.utils.set_random_seed(1)
    student = kzoo.distill(teacher, network("student"), schedule=PHASE, directory=directory / "run")
    student.save(directory / "saved")
    return student.network.get_weights()


def align(directory: Path) -> list[np.ndarray]:
    """``kzoo.align`` with one backbone tuned."""
    pixels, kinds = images()
    texts = [f"{('red', 'green', 'blue')[kind]} {number}" for number, kind in enumerate(kinds)]
    aligned = kzoo.align(
        network(), "kzoo_nano_text", {"image": list(pixels), "text": texts}, train="image", schedule=PHASE,
        directory=directory / "run", verbose=0,
    )  # fmt: skip
    aligned.save(directory / "saved")
    return [weight for name in ("image", "text") for weight in aligned[name].network.get_weights()]


def save(directory: Path) -> list[np.ndarray]:
    """Replaces a saved model again and again."""
    adapted = kzoo.adapt(network(), kzoo.Classification(images()), schedule="linear_probe", verbose=0)
    for _ in range(30):
        adapted.save(directory / "saved")
    return kzoo.load(directory / "saved").network.get_weights()


VERBS: dict[str, Callable[[Path], list[np.ndarray]]] = {
    "adapt": adapt,
    "pretrain": pretrain,
    "distill": distill,
    "align": align,
    "save": save,
}
