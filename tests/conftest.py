"""What several tests share: tiny images, a tiny backbone, and the way to real data."""

import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kzoo
from kzoo.core.tf_import import import_tensorflow
from kzoo.specs.records.run_record import RunRecord
from kzoo.training.resuming import phase_checkpoints
from kzoo.training.resuming.keep_state import KeepState

import_tensorflow()
# Otherwise each full garbage collection goes through the half a million objects of TensorFlow and Keras again.
gc.freeze()

collect_ignore = ["models/zoo/fixtures"]  # scripts that make files, with packages that tests do not need


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Activations are kept in a folder of this run's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real weights and data, see CONTRIBUTING."""
    folder = Path(os.environ.get("KZOO_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("no real data: set KZOO_SHARED, see CONTRIBUTING")
    return folder


def picture(rng: np.random.Generator, colour: int, size: tuple[int, int] = (20, 24)) -> np.ndarray:
    """Noise, uint8 (H, W, 3), in which one channel is bright: a class that anything can learn."""
    pixels = rng.integers(0, 100, (*size, 3))
    pixels[..., colour] += 120
    return pixels.astype(np.uint8)


def write_folder(root: Path, classes: dict[str, int], *, seed: int = 0, suffix: str = "png") -> Path:
    """A folder of class folders: name of the class to number of images; the class decides the bright channel."""
    rng = np.random.default_rng(seed)
    encode = tf.io.encode_png if suffix == "png" else tf.io.encode_jpeg
    for colour, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for index in range(count):
            encoded = encode(picture(rng, colour % 3)).numpy()
            (root / name / f"{name}{index}.{suffix}").write_bytes(encoded)
    return root


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 images in three classes."""
    return write_folder(tmp_path_factory.mktemp("data") / "colours", {"blue": 10, "green": 10, "red": 10})


@pytest.fixture(scope="session")
def arrays() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (60, 16, 16, 3) and targets (60,) of three classes."""
    rng = np.random.default_rng(0)
    targets = np.arange(60) % 3
    return np.stack([picture(rng, target, (16, 16)) for target in targets]), targets


def tiny_backbone(size: int | None = 16, channels: int = 3) -> keras.Model:
    """A backbone of three stages with BatchNorm, 16 x 16 to 4 x 4 x 12."""
    inputs = keras.Input((size, size, channels))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for width in (6, 8, 12):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, x, name="tiny")


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """What lets training die in the epoch of a number, counted from 1 since; it returns the epochs that are begun."""
    begin = KeepState.on_epoch_begin

    def at(number: int) -> list[int]:
        count: list[int] = []

        def dying(self: KeepState, epoch: int, logs: object = None) -> None:
            begin(self, epoch)
            count.append(epoch)
            if len(count) == number:
                raise RuntimeError("killed")

        monkeypatch.setattr(KeepState, "on_epoch_begin", dying)
        monkeypatch.setattr(phase_checkpoints, "INTERVAL", 0.0)
        return count

    return at


@pytest.fixture(scope="session")
def make_backbone() -> Callable[[], keras.Model]:
    """What makes a tiny backbone."""
    return tiny_backbone


@pytest.fixture
def backbone() -> keras.Model:
    """A fresh tiny backbone, the same each time."""
    keras.utils.set_random_seed(0)
    return tiny_backbone()


@pytest.fixture(scope="session")
def text_task() -> kzoo.Classification:
    """120 texts of two classes, each told by one word; numbers are groups."""
    words = {"good": ["lovely", "great", "fine", "很好"], "bad": ["awful", "poor", "dull", "很差"]}
    texts = [f"a {word} film, number {n}" for n in range(15) for of_class in words.values() for word in of_class]
    labels = [label for _ in range(15) for label, of_class in words.items() for _ in of_class]
    return kzoo.Classification((texts, labels), groups=[str(n) for n in range(15) for _ in range(8)])


PLANTED = """
import pathlib
pathlib.Path(__file__).with_name("marker").write_text("ran")
def run(*arguments, **options):
    return arguments[0] if arguments else None
class Evil:
    @classmethod
    def from_config(cls, config):
        return cls()
"""

MEMORY = 300 << 20
"""Bytes that the refusal of a hostile file may take."""

SECONDS = 10


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which Python would import `planted`, which leaves a marker."""
    (tmp_path / "planted.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("planted", None)
    yield tmp_path
    sys.modules.pop("planted", None)


@pytest.fixture
def refused(planted: Path) -> Callable[..., contextlib.AbstractContextManager[None]]:
    """What is within is refused with a clear message, soon, in little memory, and nothing that it names has run."""

    @contextlib.contextmanager
    def check(error: type[Exception], match: str) -> Iterator[None]:
        before, started = _memory(reset=True), time.perf_counter()
        with pytest.raises(error, match=match):
            yield
        assert _memory() - before < MEMORY
        assert time.perf_counter() - started < SECONDS
        assert not (planted / "marker").exists()
        assert "planted" not in sys.modules

    return check


def _memory(*, reset: bool = False) -> int:
    """Resident bytes now, or the most since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmRSS" if reset else "VmHWM"].split()[0]) << 10


@pytest.fixture(scope="session")
def run_record() -> RunRecord:
    """The record of a run with a probe and a phase of two epochs, measured on a test split."""
    path = Path(__file__).parent / "specs" / "records" / "untyped_records.json"
    return RunRecord.restore(json.loads(path.read_text(encoding="utf-8"))["run"])
