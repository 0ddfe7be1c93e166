"""Checkpoints: whole, of this run, or refused by name."""

import errno
import io
import os
import re
import zipfile

import numpy as np
import pytest

from kzoo.core.disk.checkpoints import Checkpoints, assign, listed, numbered
from kzoo.core.storage import DamagedError, write_checksums


class Variable:
    """What a checkpoint needs of a Keras variable."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float32)

    @property
    def shape(self):
        return self.value.shape

    def assign(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return self.value


def save(checkpoints, variables, state):
    checkpoints.write(numbered("arr", [np.asarray(each) for each in variables]), state)


def load(checkpoints, variables):
    found = checkpoints.read()
    if found is None:
        return None
    assign(variables, listed("arr", found[0]), directory=checkpoints.directory)
    return found[1]


@pytest.fixture
def kept(tmp_path):
    """Checkpoints of a run, of which one was saved: two variables of ones, step 5."""
    checkpoints = Checkpoints(tmp_path / "run", {"seed": 0, "size": [16, 16]})
    save(checkpoints, [Variable(np.ones((2, 3))), Variable(np.ones(4))], {"step": 5})
    return checkpoints


def variables():
    return [Variable(np.zeros((2, 3))), Variable(np.zeros(4))]


def test_what_was_saved_is_loaded(kept):
    found = variables()
    assert load(kept, found) == {"step": 5}
    assert [each.value.tolist() for each in found] == [[[1.0] * 3] * 2, [1.0] * 4]


@pytest.mark.parametrize(
    ("run", "named"),
    [
        ({"seed": 1, "size": [16, 16]}, "seed (0 there, 1 now)"),
        ({"seed": 1, "size": [8, 8]}, "seed (0 there, 1 now), size ([16, 16] there, [8, 8] now)"),
        ({"size": [16, 16]}, "seed (0 there, None now)"),
        ({"seed": 0, "size": list(range(20))}, "size"),
        ({"seed": {"of": 1}, "size": [16, 16]}, "seed (0 there, {'of': 1} now)"),
    ],
)
def test_another_runs_checkpoint_is_not_taken_up(kept, run, named):
    found = variables()
    said = re.escape(f"contains a run with a different {named}. Choose another directory")
    with pytest.raises(ValueError, match=said):
        load(Checkpoints(kept.directory, run), found)
    assert not any(each.value.any() for each in found)


def crushed(data):
    """An archive whose compressed stream is broken, and its directory not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", bytes(10_000))
    whole = bytearray(buffer.getvalue())
    whole[45:55] = b"\xff" * 10
    return bytes(whole)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("variables.npz", lambda data: data[: len(data) // 2]),
        ("variables.npz", crushed),
        ("variables.npz", lambda data: b""),
        ("variables.npz", lambda data: b"PK\x03\x04 is no archive"),
        ("state.json", lambda data: data[:-5]),
        ("state.json", lambda data: b"[" * 100_000),
        ("state.json", lambda data: b"\xff\xfe"),
        ("state.json", lambda data: b'{"run": 1, "state": 2}'),
        ("state.json", lambda data: b"{}"),
    ],
    ids=["cut", "crushed", "empty", "no archive", "half", "deep", "no text", "other types", "no fields"],
)
def test_a_damaged_part_is_named_also_where_its_checksum_fits(kept, name, content):
    path = kept.directory / name
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DamagedError, match=f"changed: {name}"):
        load(kept, variables())
    write_checksums(kept.directory)
    found = variables()
    with pytest.raises(DamagedError, match=f"{path} is damaged: .* Delete {kept.directory} to start again"):
        load(kept, found)
    assert not any(each.value.any() for each in found)


def test_variables_of_other_shapes_are_refused_before_one_is_assigned(kept):
    found = [Variable(np.zeros((2, 3))), Variable(np.zeros(5))]
    with pytest.raises(ValueError, match="whose network differs"):
        load(kept, found)
    assert not any(each.value.any() for each in found)


def test_a_full_disk_keeps_the_last_checkpoint(kept, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=f"{kept.directory} could not be written: No space left"):
        save(kept, variables(), {"step": 6})
    monkeypatch.undo()
    assert load(kept, variables()) == {"step": 5}


def test_of_nested_settings_the_one_that_differs_is_named(tmp_path):
    Checkpoints(tmp_path / "run", {"phase 1": {"epochs": 2, "train": "*"}}).write({}, {})
    now = Checkpoints(tmp_path / "run", {"phase 1": {"epochs": 3, "train": "*"}})
    with pytest.raises(ValueError, match=re.escape("a different phase 1 epochs (2 there, 3 now).")):
        now.read()


def test_arrays_are_read_back_by_name(tmp_path):
    kept, arrays = Checkpoints(tmp_path / "run", {}), {"best.0": np.eye(2), "best.1": np.arange(3, dtype=np.uint32)}
    assert kept.read() is None
    kept.write(arrays, {"epoch": 2})
    found, state = kept.read()
    assert state == {"epoch": 2}
    assert {name: (each.dtype, each.tolist()) for name, each in found.items()} == {
        name: (each.dtype, each.tolist()) for name, each in arrays.items()
    }


def test_lists_of_arrays_keep_their_order():
    arrays = [np.full(1, number) for number in range(12)]
    found = listed(
        "weights",
        numbered("weights", arrays)
        | numbered("best.weights", arrays[:3])
        | {"weights_x": arrays[0], "weights.0": arrays[0]},
    )
    assert [each.tolist() for each in found] == [[number] for number in range(12)]
