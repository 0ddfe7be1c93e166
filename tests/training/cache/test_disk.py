"""The store: blocks that are whole or not there, found by what they follow from, joined by what they hold."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from kzoo.training.cache import disk
from kzoo.training.cache.rows import MemoryBlock, joined

KEY = "a" * 32
CARD = {"model": "tiny", "below": "stage2", "view": "light 0"}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Folder of an empty store."""
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    return tmp_path / "activations"


def rows_of(digests):
    """Two tensors whose values follow from the digests, float32 (N, 2, 3) and float16 (N, 4)."""
    numbers = np.array([int(digest, 16) for digest in digests], np.float32)
    first = numbers[:, None, None] + np.arange(6, dtype=np.float32).reshape(2, 3) / 10
    return [first, (numbers[:, None] * np.ones((1, 4))).astype(np.float16)]


def write(numbers, *, key=KEY, parts=2, card=CARD):
    """A block of the examples of these numbers, written in several parts."""
    digests = [f"{number:02x}" for number in numbers]
    with disk.writing(key, digests=digests, card=card | {"examples": len(digests)}) as writer:
        for part in np.array_split(np.arange(len(digests)), parts):
            writer.append([array[part] for array in rows_of(digests)])
    return writer.block


def files(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_block_is_found_as_it_was_written():
    written = write([3, 1, 2])
    (found,) = disk.find(KEY)
    assert (found.path, list(found.digests)) == (written.path, ["03", "01", "02"])
    assert [tuple(each) for each in found.tensors] == [((2, 3), "float32"), ((4,), "float16")]
    for block in (found, written):
        for array, wanted in zip(block.arrays(), rows_of(found.digests), strict=True):
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)
    assert found.card() == CARD | {"examples": 3}


def test_a_shelf_holds_its_own_blocks_alone():
    write([1])
    assert disk.find("b" * 32) == []
    assert len(disk.find(KEY)) == 1


@pytest.mark.parametrize("name", ["0.bin", "1.bin", "index.json", "SHA256SUMS"])
@pytest.mark.parametrize("place", [0, -2], ids=["first", "last"])
def test_a_flipped_bit_is_noticed_and_the_block_thrown_away(name, place):
    block, whole = write([1, 2]), write([3])
    data = bytearray((block.path / name).read_bytes())
    data[place] ^= 1
    (block.path / name).write_bytes(data)
    assert [found.path for found in disk.find(KEY)] == [whole.path]
    assert not block.path.exists()


@pytest.mark.parametrize("change", ["missing", "short", "more"])
def test_a_file_that_is_gone_cut_or_foreign_is_noticed(change):
    block = write([1, 2])
    path = block.path / "0.bin"
    if change == "missing":
        path.unlink()
    elif change == "short":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        (block.path / "2.bin").write_bytes(b"")
    assert disk.find(KEY) == []
    assert not block.path.exists()


def interrupted(error):
    """Half of a block, and then an error."""
    with disk.writing(KEY, digests=["01", "02"], card=CARD) as writer:
        writer.append([array[:1] for array in rows_of(["01"])])
        raise error


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_was_not_written_to_its_end_is_not_there(root, error):
    with pytest.raises(error):
        interrupted(error)
    assert disk.find(KEY) == []
    assert files(root) == []


def test_writing_a_block_again_replaces_it():
    write([1, 2])
    write([1, 2], parts=1)
    assert len(disk.find(KEY)) == 1


@pytest.mark.parametrize("mapped", [False, True], ids=["memory", "mapped"])
@pytest.mark.parametrize(
    "wanted", [[5, 1, 4, 2, 3], [4, 1], [2], [3, 2, 1], [5, 4]], ids=["all", "of both", "one", "of one", "of other"]
)
def test_two_blocks_join_in_the_order_that_is_asked_for(mapped, wanted):
    write([1, 2, 3])
    write([4, 5])
    digests = [f"{number:02x}" for number in wanted]
    rows = joined(disk.find(KEY), digests, mapped=mapped, mixed=False, key=KEY)
    assert rows.targets is None
    first, second = rows_of(digests)
    found = rows.take(0, len(digests))
    assert [array.dtype for array in found] == [np.float32, np.float32]
    np.testing.assert_array_equal(found[0], first)
    np.testing.assert_array_equal(found[1], second)
    np.testing.assert_array_equal(rows.take(1, 2)[0], first[1:2])
    chosen = np.array([len(digests) - 1, 0])
    inputs, targets = rows.gather(chosen), rows.targets_of(chosen, np.arange(len(digests), dtype=np.float32))
    np.testing.assert_array_equal(inputs[0], first[[-1, 0]])
    assert targets.numpy().tolist() == [len(digests) - 1, 0]


def test_blocks_that_are_joined_on_the_disk_are_one_block_from_then_on():
    write([1, 2, 3])
    write([4, 5])
    digests = ["05", "01", "04"]
    joined(disk.find(KEY), digests, mapped=True, mixed=False, key=KEY)
    assert sorted(len(block.digests) for block in disk.find(KEY)) == [2, 3, 3]
    assert digests in [list(block.digests) for block in disk.find(KEY)]


def test_the_card_of_joined_blocks_counts_their_examples():
    write([1, 2, 3])
    write([4, 5])
    joined(disk.find(KEY), ["05", "01", "04", "02"], mapped=True, mixed=False, key=KEY)
    assert sorted(block.card()["examples"] for block in disk.find(KEY)) == [2, 3, 4]


def test_what_is_loose_joins_what_is_in_the_store():
    write([1, 2])
    loose = MemoryBlock(["07", "06"])
    for part in ([0], [1]):
        loose.append([array[part] for array in rows_of(loose.digests)])
    digests = ["06", "02", "07"]
    rows = joined([*disk.find(KEY), loose.block], digests, mapped=False, mixed=False, key=KEY)
    np.testing.assert_array_equal(rows.take(0, 3)[0], rows_of(digests)[0])


def test_the_last_tensor_of_what_was_mixed_is_its_targets():
    write([1, 2, 3])
    rows = joined(disk.find(KEY), ["03", "01"], mapped=False, mixed=True, key=KEY)
    assert len(rows.parts) == 1
    targets = rows.targets_of(np.array([1, 0]), np.zeros((2, 4), np.float32))
    np.testing.assert_array_equal(targets, rows_of(["01", "03"])[1])


def age(block, days):
    then = time.time() - days * 86_400
    os.utime(block.path, (then, then))


def size_of(block):
    return sum(path.stat().st_size for path in block.path.iterdir())


def test_what_was_not_used_for_long_is_swept():
    old, new = write([1]), write([2], key="b" * 32)
    age(old, 31)
    age(new, 29)
    expected = size_of(old)
    assert disk.sweep() == expected
    assert not old.path.parent.exists()
    assert new.path.exists()


def test_what_was_just_found_is_not_old():
    old = write([1])
    age(old, 31)
    disk.find(KEY)
    assert disk.sweep() == 0
    assert old.path.exists()


def test_the_longest_unused_are_swept_until_the_rest_fits():
    blocks = [write([number]) for number in (1, 2, 3)]
    for block, days in zip(blocks, (2, 3, 1), strict=True):
        age(block, days)
    sizes = list(map(size_of, blocks))
    assert disk.sweep(most=sizes[0] + sizes[2]) == sizes[1]
    assert [block.path.exists() for block in blocks] == [True, False, True]
    assert disk.sweep(most=0) == sizes[0] + sizes[2]
    assert disk.sweep(most=0) == 0


def test_what_a_killed_writer_left_behind_is_swept_after_a_day(root):
    left, fresh = (root / KEY / f".0123456789abcdef.new-{name}" for name in "xy")
    for each in (left, fresh):
        each.mkdir(parents=True)
        (each / "0.bin").write_bytes(bytes(1000))
    then = time.time() - 86_400 - 60
    for each in (left / "0.bin", left):
        os.utime(each, (then, then))
    disk.sweep()
    assert not left.exists()
    assert fresh.exists()


def test_the_table_has_a_row_for_each_model_cut_and_augmentation():
    assert disk.table().notes == ("The cache is empty.",)
    blocks = [write([1, 2]), write([3, 4, 5])]
    other = write([6], key="b" * 32, card=CARD | {"model": "other", "view": "none 0"})
    age(other, 3)
    table = disk.table()
    assert table.columns == ("model", "below", "augmentation", "rows", "MB", "last used")
    assert [row[:4] for row in table.rows] == [("other", "stage2", "none", 1), ("tiny", "stage2", "light", 5)]
    assert table.rows[1][4] == pytest.approx(sum(map(size_of, blocks)) / 1e6, abs=0.05)
    assert table.rows[0][5] == time.strftime("%Y-%m-%d %H:%M", time.localtime(other.path.stat().st_mtime))
    assert not table.notes
    assert "tiny" in str(table)


def test_the_table_shows_a_block_whose_index_cannot_be_read():
    (write([1]).path / "index.json").write_bytes(b"{")
    assert [row[:4] for row in disk.table().rows] == [("?", "?", "?", 0)]


def test_there_is_room_for_a_share_of_the_disk(root):
    import shutil

    assert 0 < disk.room() <= shutil.disk_usage(root).free
    assert root.is_dir()


def test_there_is_no_room_where_the_folder_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path / "file" / "cache"))
    assert disk.room() == 0
    assert disk.sweep() == 0
    assert disk.find(KEY) == []
    assert not disk.table().rows


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    assert disk.folder() == tmp_path / "activations"
    monkeypatch.delenv("KZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(disk.folder()) == "/x/kzoo/activations"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert str(disk.folder()) == "/home/x/.cache/kzoo/activations"


MAPS = """
import sys
from kzoo.training.cache import disk
with disk.shelf_lock(sys.argv[1]):
    (block,) = disk.find(sys.argv[1])
    arrays = block.arrays() if sys.argv[2] == "maps" else None
    if sys.argv[2] == "computes":
        print("ready", flush=True)
        sys.stdin.readline()
print("ready", flush=True)
sys.stdin.readline()
arrays = None
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["maps", "computes"])
def test_what_another_process_uses_is_not_swept(how):
    used, free = write([1, 2]), write([3], key="b" * 32)
    age(used, 40)
    size = size_of(free)
    command = [sys.executable, "-c", MAPS, KEY, how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        assert disk.sweep(most=0) == size
        assert (used.path.exists(), free.path.exists()) == (True, False)
        assert disk.used() == size_of(used)
        for wanted in ("ready\n", "done\n") if how == "computes" else ("done\n",):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == wanted
        disk.sweep(most=0)
        assert not used.path.exists()
    finally:
        process.kill()
        process.communicate()


WRITES = """
import sys, numpy as np
from kzoo.training.cache import disk
with disk.writing(sys.argv[1], digests=["01"], card={}) as writer:
    writer.append([np.ones((1, 4), np.float32)])
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.parametrize("lives", [True, False], ids=["living", "killed"])
def test_what_another_process_writes_is_not_swept_while_it_lives(root, lives):
    command = [sys.executable, "-c", WRITES, KEY]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    (aside,) = (root / KEY).glob(".*.new-*")
    if not lives:
        process.kill()
        process.wait()
    disk.sweep(most=0)
    there = aside.exists()
    process.communicate("\n" if lives else None)
    assert there == lives
    assert len(disk.find(KEY)) == lives


def test_an_array_in_this_process_keeps_its_block():
    block = write([1, 2])
    arrays = block.arrays()
    part = arrays[0][1:]
    del arrays
    assert disk.sweep(most=0) == 0
    np.testing.assert_array_equal(part, rows_of(["01", "02"])[0][1:])
    del part
    assert disk.sweep(most=0) > 0
    assert not block.path.exists()
