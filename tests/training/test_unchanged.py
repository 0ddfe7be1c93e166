"""Files that change or vanish while kzoo works: nothing of them is kept, and they are named."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf

import kzoo
from kzoo.data import file_changes
from kzoo.data.file_changes import ChangedError, verify
from kzoo.data.splits import read
from kzoo.training import loop
from kzoo.training.cache import compute
from kzoo.training.cache.activations import Activations
from kzoo.training.cache.budget import CacheLimits

PLENTY = 1 << 30
NOTHING = CacheLimits(0, 0)
ONE = kzoo.Schedule((kzoo.Phase("last:1", epochs=1, batch_size=8, augmentation="none"),))


@pytest.fixture
def mine(folder, tmp_path):
    """A copy of the images that a test may change."""
    return shutil.copytree(folder, tmp_path / "pictures")


@pytest.fixture
def before_each_pass(monkeypatch):
    """Sets what happens between the check of the data and each pass over it."""

    def set_to(action):
        plain = compute.read

        def acted(split, indices, *rest, **options):
            action()
            return plain(split, indices, *rest, **options)

        monkeypatch.setattr(compute, "read", acted)

    return set_to


BLACK = tf.io.encode_png(tf.zeros((20, 24, 3), tf.uint8)).numpy()


def blacken(path):
    """Puts another image there and keeps the time of the old one's modification."""
    times = os.stat(path)
    path.write_bytes(BLACK)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def paths_of(root):
    return sorted(root.rglob("*.png"))


def test_what_changed_between_check_and_pass_is_not_kept(adapt, mine, cache, before_each_pass):
    before_each_pass(lambda: [blacken(path) for path in paths_of(mine)])
    with pytest.raises(ChangedError, match=r"\.png changed; .*, and \d+ more: the data changed after kzoo checked it"):
        adapt(data=kzoo.Classification(mine), schedule="linear_probe")
    assert not list(cache.glob("*/[0-9a-f]*"))


@pytest.mark.slow
def test_a_changed_file_of_a_phase_without_a_cache_is_named(adapt, mine, monkeypatch):
    plain = loop.fit_tail
    blackened = read(kzoo.Classification(mine)).train.names[0]
    monkeypatch.setattr(
        loop, "fit_tail", lambda *args, **options: [plain(*args, **options), blacken(Path(blackened))][0]
    )
    with pytest.raises(ChangedError, match=f"{blackened} changed: the data"):
        adapt(NOTHING, data=kzoo.Classification(mine), schedule=ONE)


@pytest.mark.parametrize("limits", [pytest.param(CacheLimits(PLENTY, PLENTY), marks=pytest.mark.slow), NOTHING])
def test_files_that_vanish_are_named(limits, adapt, mine, cache, monkeypatch):
    plain = Activations.__post_init__

    def vanish(self):
        plain(self)
        for path in paths_of(mine):
            path.unlink()

    monkeypatch.setattr(Activations, "__post_init__", vanish)
    with pytest.raises(ChangedError, match=r"\.png cannot be read any more \(No such file or directory\)"):
        adapt(limits, data=kzoo.Classification(mine), schedule=ONE)
    assert not list(cache.glob("*/[0-9a-f]*"))


@pytest.mark.slow
def test_a_test_picture_that_vanishes_is_named(adapt, mine, before_each_pass):
    name = read(kzoo.Classification(mine)).test.names[0]
    before_each_pass(lambda: Path(name).unlink(missing_ok=True))
    with pytest.raises(ChangedError, match=f"{name} cannot be read any more"):
        adapt(data=kzoo.Classification(mine), schedule="linear_probe")


@pytest.mark.slow
def test_other_times_of_the_same_content_are_no_change(adapt, mine, before_each_pass):
    before_each_pass(lambda: [os.utime(path, ns=(1, 1)) for path in paths_of(mine)])
    assert adapt(data=kzoo.Classification(mine), schedule="linear_probe").record.sizes["train"] == 24


@pytest.fixture
def checked(mine):
    """Checked images that were written a minute ago, as far as their stamps say."""
    train = read(kzoo.Classification(mine)).train
    return replace(train, stamps=[(*each[:-1], each[-1] + 60 * 10**9) for each in train.stamps])


def test_files_whose_stamps_are_the_same_are_not_read_again(checked, monkeypatch):
    monkeypatch.setattr(file_changes, "sha256", None)
    verify(checked)
    with pytest.raises(TypeError):
        verify(replace(checked, stamps=()))


def test_files_that_were_written_just_before_the_check_are_read_again(mine, monkeypatch):
    train, hashed = read(kzoo.Classification(mine)).train, []
    stamps = [(*each[:-1], max(each[1:3]) + file_changes.RECENT) for each in train.stamps]
    monkeypatch.setattr(
        file_changes, "sha256", lambda path: hashed.append(path) or train.digests[train.names.index(path)]
    )
    verify(replace(train, stamps=stamps))
    assert sorted(hashed) == sorted(train.names)


def test_only_what_is_asked_for_is_looked_at(checked):
    blacken(Path(checked.names[3]))
    verify(checked, [0, 1, 2, 4])
    with pytest.raises(ChangedError, match=f"^{checked.names[3]} changed: "):
        verify(checked, [3])


def test_texts_and_pixels_are_no_files(arrays):
    verify(read(kzoo.Classification(arrays)).train)
    texts = [f"{word} film {n}" for n in range(20) for word in ("good", "bad")]
    verify(read(kzoo.Classification((texts, ["a", "b"] * 20)), "text").train)
