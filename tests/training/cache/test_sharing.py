"""Processes that share a store: one computes, the others wait; a killed one does no harm; the disk is not memory."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

ADAPT = """
import functools, json, os, signal, sys, threading, time
from kzoo.core.tf_import import import_tensorflow
import_tensorflow()
import keras, numpy as np, kzoo
from kzoo.training import loop
from kzoo.training.cache import compute
from kzoo.training.cache import disk
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.budget import CacheLimits

computed = []
plain = compute.Passes._compute
def counted(self, requests, groups, order, **options):
    computed.append(len(order))
    return plain(self, requests, groups, order, **options)
compute.Passes._compute = counted

def backbone(width=12):
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((16, 16, 3))
    for filters in (6, width):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name="tiny")

def tune(**options):
    options = {"epochs": 2, "batch_size": 8, "augmentation": "light", "views": 2} | options
    return kzoo.Schedule((kzoo.LinearProbe(), kzoo.Phase("last:1", **options)))

def say(adapted):
    scores = [dict(phase.scores) for phase in adapted.record.phases]
    places = [phase.activations for phase in adapted.record.phases]
    print(json.dumps({"scores": scores, "computed": computed, "places": places}))
"""

TOGETHER = """
data = sys.argv[1]
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]):
    time.sleep(0.01)
say(kzoo.adapt(backbone(), data, schedule=tune()))
"""

KILLED = """
append = disk.Writer.append
def killed(self, arrays):
    append(self, arrays)
    for file in self.open:
        file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
disk.Writer.append = killed
kzoo.adapt(backbone(), sys.argv[1], schedule=tune())
"""

PLAIN = """
say(kzoo.adapt(backbone(), sys.argv[1], schedule=tune()))
"""


def start(script, *arguments, cache):
    command = [sys.executable, "-c", ADAPT + script, *map(str, arguments)]
    environment = os.environ | {"KZOO_CACHE": str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    return json.loads(out.splitlines()[-1])


def blocks(cache):
    return sorted(path.parent.relative_to(cache) for path in cache.rglob("index.json"))


def test_two_processes_at_once_compute_once(folder, tmp_path):
    cache = tmp_path / "cache"
    ready = [tmp_path / "ready0", tmp_path / "ready1"]
    processes = [start(TOGETHER, folder, each, tmp_path / "go", cache=cache) for each in ready]
    while not all(each.exists() for each in ready):
        assert all(process.poll() is None for process in processes), processes[0].communicate()
        time.sleep(0.05)
    (tmp_path / "go").touch()
    one, other = map(answer, processes)
    for mine, theirs in zip(one["scores"], other["scores"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)
    # Training, validation, and the views: each computed by one of the two.
    assert sorted(one["computed"] + other["computed"]) == [3, 24, 24]
    assert one["places"] == other["places"] == ["memory", "memory"]
    before = blocks(cache)
    assert answer(start(PLAIN, folder, cache=cache))["computed"] == []
    assert blocks(cache) == before


def test_a_process_killed_while_it_writes_does_no_harm(folder, tmp_path):
    cache = tmp_path / "cache"
    killed = start(KILLED, folder, cache=cache)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert list(cache.rglob("0.bin"))
    assert blocks(cache) == []
    after = answer(start(PLAIN, folder, cache=cache))
    alone = answer(start(PLAIN, folder, cache=tmp_path / "other"))
    # Threads add in another order from one process to the next.
    for one, other in zip(after["scores"], alone["scores"], strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert blocks(cache) == blocks(tmp_path / "other")
    assert not [path for path in cache.rglob(".*") if path.is_dir()]


BUDGET = """
def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))

rng = np.random.default_rng(0)
pixels = rng.integers(0, 256, (360, 16, 16, 3), dtype=np.uint8)
data = kzoo.Classification((pixels, np.arange(360) % 3))
loop.Activations = functools.partial(Activations, limits=CacheLimits(int(sys.argv[1]) << 20, 1 << 40, half=False))

def wide():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.ReLU()(keras.layers.Conv2D(700, 1)(inputs))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=8)(x), name="wide")

peak, done = [0.0], threading.Event()

def watch():
    while not done.wait(0.01):
        peak[0] = max(peak[0], anonymous())

# The first run brings what TensorFlow takes for itself, in batches of the same size.
kzoo.adapt(wide(), data, schedule=tune(epochs=1, views=1, batch_size=16))
start = anonymous()
thread = threading.Thread(target=watch)
thread.start()
adapted = kzoo.adapt(wide(), data, schedule=tune(epochs=3, views=3, batch_size=16))
done.set()
thread.join()
held = sum(file.stat().st_size for file in disk.folder().rglob("*.bin")) / 2**20
phase = adapted.record.phases[1]
print(json.dumps({"growth": peak[0] - start, "held": held, "place": phase.activations, "views": phase.views}))
"""

SLACK = 400
"""MB for a batch of 64 examples (45 MB), which is there several times on its way to the disk and from it.

Measured: under 200 on a processor with AVX-512, 290 to 380 on one without, in the same commits. More than 600 are held.
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")
def test_what_is_held_on_the_disk_takes_no_memory(tmp_path):
    limit = 20
    found = answer(start(BUDGET, limit, cache=tmp_path))
    assert (found["place"], found["views"]) == ("disk", 3)
    assert found["held"] > 600
    assert found["growth"] < limit + SLACK
