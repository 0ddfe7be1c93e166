"""Files that are whole or not there."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from kzoo.storage import (
    DamagedError,
    atomic_directory,
    sha256,
    verify_checksums,
    write_checksums,
    write_json,
)


def files_of(directory):
    return {path.name: path.read_text() for path in directory.iterdir()}


def write(target, text):
    with atomic_directory(target) as aside:
        (aside / "file").write_text(text)


@pytest.fixture
def target(tmp_path):
    """A directory with an old content, alone in its parent."""
    write(tmp_path / "parent" / "target", "old")
    return tmp_path / "parent" / "target"


def assert_untouched(target):
    assert files_of(target) == {"file": "old"}
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_what_is_written_replaces_what_was_there(target):
    write(target, "new")
    assert files_of(target) == {"file": "new"}
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_the_directory_has_the_usual_permissions(target):
    other = target.parent / "other"
    other.mkdir()
    assert target.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
def test_a_block_that_raises_keeps_the_old(target, error):
    def fail():
        with atomic_directory(target) as aside:
            (aside / "file").write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert_untouched(target)


@pytest.mark.parametrize("function", ["fsync", "rename"])
def test_a_full_disk_keeps_the_old(target, monkeypatch, function):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="No space"):
        write(target, "new")
    assert_untouched(target)


def test_a_second_rename_that_fails_puts_the_old_back(target, monkeypatch):
    rename, calls = os.rename, []

    def second_fails(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(*arguments)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OSError, match="No space"):
        write(target, "new")
    assert_untouched(target)


def start(code, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


KILLED_INSIDE = """
    import sys, time
    from kzoo.storage import atomic_directory
    with atomic_directory(sys.argv[1]) as aside:
        (aside / "file").write_text("half")
        print("inside", flush=True)
        time.sleep(60)
"""

KILLED_BETWEEN = """
    import os, sys, time
    from kzoo.storage import atomic_directory
    rename = os.rename
    def rename_and_wait(*arguments):
        rename(*arguments)
        print("between", flush=True)
        time.sleep(60)
    os.rename = rename_and_wait
    with atomic_directory(sys.argv[1]) as aside:
        (aside / "file").write_text("new")
"""


@pytest.mark.parametrize("name", ["target", "run[1]"])
@pytest.mark.parametrize("code", [KILLED_INSIDE, KILLED_BETWEEN], ids=["inside", "between renames"])
def test_after_a_kill_the_next_writer_cleans_up(tmp_path, code, name):
    target = tmp_path / name
    write(target, "old")
    process = start(code, target)
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    def stop():
        with atomic_directory(target):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stop()
    assert_untouched(target)


WRITER = """
    import sys
    from kzoo.storage import atomic_directory
    for turn in range(20):
        with atomic_directory(sys.argv[1]) as aside:
            for name in ("a", "b", "c"):
                (aside / name).write_text(sys.argv[2] + str(turn))
"""


def test_two_writers_of_one_target_do_not_mix(tmp_path):
    writers = [start(WRITER, tmp_path / "target", name) for name in ("x", "y")]
    assert [writer.wait() for writer in writers] == [0, 0]
    contents = files_of(tmp_path / "target")
    assert set(contents) == {"a", "b", "c"}
    assert len(set(contents.values())) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_second_writer_waits(tmp_path):
    first = start(KILLED_INSIDE, tmp_path / "target")
    first.stdout.readline()
    second = start(WRITER, tmp_path / "target", "second")
    time.sleep(0.5)
    waiting = second.poll() is None and not (tmp_path / "target").exists()
    first.kill()
    assert waiting
    assert second.wait() == 0


@pytest.fixture
def summed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "one").write_text("1")
    (tmp_path / "deep" / "two ü").write_text("2")
    write_checksums(tmp_path)
    return tmp_path


def test_checksums_are_read_by_sha256sum(summed):
    verify_checksums(summed)
    subprocess.run(["sha256sum", "--check", "--status", "SHA256SUMS"], cwd=summed, check=True)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda d: (d / "one").write_text("x"), "one"),
        (lambda d: (d / "deep" / "two ü").unlink(), "deep/two ü"),
        (lambda d: (d / "deep" / "extra").write_text(""), "deep/extra"),
        (lambda d: (d / "SHA256SUMS").write_text(""), "one"),
        (lambda d: (d / "SHA256SUMS").unlink(), "no readable SHA256SUMS"),
        (lambda d: (d / "SHA256SUMS").write_bytes(b"\xff\xfe"), "no readable SHA256SUMS"),
    ],
)
def test_damage_is_named(summed, damage, named):
    damage(summed)
    with pytest.raises(DamagedError, match=named):
        verify_checksums(summed)


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_json_is_readable(tmp_path):
    write_json(tmp_path / "x.json", {"ü": 1})
    assert (tmp_path / "x.json").read_bytes() == '{\n  "ü": 1\n}\n'.encode()
