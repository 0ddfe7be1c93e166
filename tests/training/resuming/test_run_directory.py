"""Runs that are interrupted at any moment, and go on: as if nothing had happened."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest

import kzoo
from kzoo.core.locks import lock
from kzoo.training.resuming import phase_checkpoints
from kzoo.training.resuming.run_directory import RunDirectory
from tests.conftest import tiny_backbone

SCHEDULE = [
    kzoo.LinearProbe(),
    kzoo.Phase("last:1", epochs=2, batch_size=10, learning_rate=1e-2, augmentation="light", views=2),
    kzoo.Phase("*", epochs=3, batch_size=10, learning_rate=1e-3, patience=3, weight_decay=0.01),
]
"""Epochs 0 and 1 are of the first phase that takes steps, 2 to 4 of the second."""


class At(keras.callbacks.Callback):
    """Does something when an epoch begins."""

    def __init__(self, epoch, act):
        super().__init__()
        self.epoch, self.act, self.begun = epoch, act, []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if epoch == self.epoch:
            self.act()


class AtStep(keras.callbacks.Callback):
    """Does something when a step of an epoch begins, and takes down all steps."""

    def __init__(self, epoch, step, act):
        super().__init__()
        self.place, self.act, self.epoch, self.begun = (epoch, step), act, -1, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append((self.epoch, batch))
        if (self.epoch, batch) == self.place:
            self.act()


def die():
    raise RuntimeError("killed")


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """A checkpoint after each epoch."""
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 0.0)


def run(arrays, *, callback=(), schedule=SCHEDULE, **options):
    keras.utils.set_random_seed(0)
    options = {"head": kzoo.Head(dropout=0.3), "verbose": 0, "seed": 3} | options
    return kzoo.adapt(tiny_backbone(), kzoo.Classification(arrays), schedule=schedule, callbacks=callback, **options)


@pytest.fixture(scope="module")
def whole(arrays):
    """The run without an interruption."""
    return run(arrays)


def same(one, other):
    pairs = zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
    assert [phase.history for phase in one.record.phases] == [phase.history for phase in other.record.phases]
    assert (one.record.kept, one.temperature) == (other.record.kept, other.temperature)


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_an_interrupted_run_goes_on_bit_for_bit(arrays, whole, tmp_path, epoch):
    with pytest.raises(RuntimeError, match="killed"):
        run(arrays, callback=At(epoch, die), directory=tmp_path / "run")
    watch = At(-1, die)
    again = run(arrays, callback=watch, directory=tmp_path / "run")
    assert watch.begun == list(range(epoch, 5))
    same(whole, again)


@pytest.mark.slow
def test_a_phase_with_an_adapter_goes_on_too(arrays, tmp_path):
    adapting = kzoo.Phase("*", epochs=2, batch_size=10, learning_rate=1e-2, adapter=kzoo.LoRA(rank=2))
    schedule = [adapting, kzoo.Phase("last:1", epochs=2, batch_size=10, learning_rate=1e-3)]
    whole = run(arrays, schedule=schedule)
    for epoch in (1, 3):
        with pytest.raises(RuntimeError, match="killed"):
            run(arrays, schedule=schedule, callback=At(epoch, die), directory=tmp_path / "run")
    same(whole, run(arrays, schedule=schedule, directory=tmp_path / "run"))


@pytest.fixture(scope="module")
def finished(arrays, whole, tmp_path_factory):
    """The directory of a run that ended."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    same(whole, run(arrays, directory=directory))
    return directory


def test_a_finished_run_trains_nothing_again(arrays, whole, finished):
    assert sorted(path.name for path in finished.iterdir()) == ["begun", "phase2", "phase3"]
    watch = At(-1, die)
    same(whole, run(arrays, callback=watch, directory=finished))
    assert watch.begun == []


@pytest.mark.slow
@pytest.mark.parametrize("place", [(0, 1), (3, 2)], ids=["in the first epoch", "in a later phase"])
def test_a_run_goes_on_within_an_epoch_bit_for_bit(arrays, whole, tmp_path, place):
    first = AtStep(*place, die)
    with pytest.raises(RuntimeError, match="killed"):
        run(arrays, callback=first, directory=tmp_path / "run")
    again = AtStep(-1, 0, die)
    same(whole, run(arrays, callback=again, directory=tmp_path / "run"))
    # The step in which it was killed is the first one that is done again.
    epoch, step = place
    steps = 1 + max(batch for _, batch in again.begun)
    assert again.begun[: steps - step] == [(epoch, batch) for batch in range(steps - step)]
    assert len(first.begun) - 1 + len(again.begun) == 5 * steps


@pytest.mark.slow
def test_sigterm_saves_the_step_and_ends(arrays, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 1e9)
    end = AtStep(3, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        run(arrays, callback=end, directory=tmp_path / "run")
    assert end.begun[-1] == (3, 1)
    again = AtStep(-1, 0, die)
    same(whole, run(arrays, callback=again, directory=tmp_path / "run"))
    assert len(end.begun) + len(again.begun) == 5 * (1 + max(batch for _, batch in again.begun))


def test_sigterm_saves_the_last_epoch_and_ends(arrays, whole, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 1e9)
    before = signal.getsignal(signal.SIGTERM)
    end = At(4, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        run(arrays, callback=end, directory=tmp_path / "run", verbose=1)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert f"Terminated. The same call with directory='{tmp_path / 'run'}' goes on" in caplog.text
    watch = At(-1, die)
    same(whole, run(arrays, callback=watch, directory=tmp_path / "run"))
    assert watch.begun == [4]


@pytest.mark.slow
def test_ctrl_c_saves_the_last_epoch_too(arrays, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 1e9)

    def interrupt():
        raise KeyboardInterrupt

    stopped = run(arrays, callback=At(4, interrupt), directory=tmp_path / "run")
    assert stopped.record.stopped
    watch = At(-1, die)
    same(whole, run(arrays, callback=watch, directory=tmp_path / "run"))
    assert watch.begun == [4]


@pytest.mark.slow
def test_checkpoints_within_a_phase_keep_their_distance(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_checkpoints, "INTERVAL", 1e9)
    with pytest.raises(RuntimeError, match="killed"):
        run(arrays, callback=At(4, die), directory=tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["begun", "phase2"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 4}, r"seed \(3 there, 4 now\)"),
        ({"epochs": 4}, r"phase 2 epochs \(2 there, 4 now\)"),
        ({"class_weight": "balanced"}, r"class_weight \(None there, balanced now\)"),
        ({"head": kzoo.Head(dropout=0.1)}, r"head dropout \(0.3 there, 0.1 now\)"),
    ],
)
def test_another_run_is_told_what_differs_before_it_trains(arrays, finished, other, named):
    with pytest.raises(ValueError, match=rf"run contains a run with a different {named}"):
        run(arrays, directory=finished, **other)


def test_a_directory_in_use_or_of_something_else_is_refused(tmp_path):
    kept = RunDirectory(tmp_path / "run", {})
    inside, done = threading.Event(), threading.Event()

    def hold():
        with lock(tmp_path / "run"):
            inside.set()
            done.wait()

    other = threading.Thread(target=hold)
    other.start()
    inside.wait()
    with pytest.raises(ValueError, match=f"run is in use by process {os.getpid()} .* choose another"), kept.in_use():
        pass
    done.set()
    other.join()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with pytest.raises(ValueError, match=r"contains thesis.tex, which is no part of a run"), kept.in_use():
        pass


KILLED = """
import sys, numpy as np, kzoo
from tests.conftest import tiny_backbone
from tests.training.resuming import test_run_directory as here
here.phase_checkpoints.INTERVAL = 0.0
found = np.load(sys.argv[1])
here.run((found["x"], found["y"]), directory=sys.argv[2])
"""


@pytest.mark.slow
def test_a_run_killed_at_a_random_moment_goes_on(arrays, whole, tmp_path):
    np.savez(tmp_path / "data.npz", x=arrays[0], y=arrays[1])
    moments = np.random.default_rng(0).uniform(0, 1, 2)
    for moment in moments:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "data.npz"), str(tmp_path / "run")]
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:
            while process.poll() is None and not list((tmp_path / "run").glob("[pe]*")):
                time.sleep(0.01)
            time.sleep(moment)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    same(whole, run(arrays, directory=tmp_path / "run"))
