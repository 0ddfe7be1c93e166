"""Files that are whole or not there."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from kzoo.core.storage import (
    DamagedError,
    atomic_directory,
    atomic_file,
    sha256,
    target_of,
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


REFUSALS = {
    "full disk": (errno.ENOSPC, OSError, "No space left on device. Free some space"),
    "quota": (errno.EDQUOT, OSError, "quota exceeded. Delete some of your files there"),
    "no right": (errno.EACCES, PermissionError, "Permission denied. Choose a folder that you may write"),
    "read-only disk": (errno.EROFS, OSError, "Read-only file system. Choose a folder on a disk"),
}


@pytest.mark.parametrize("code", REFUSALS, ids=str)
@pytest.mark.parametrize("function", ["mkdir", "rename"])
def test_a_refusal_of_the_system_says_what_to_do(target, monkeypatch, code, function):
    number, kind, told = REFUSALS[code]

    def refuse(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(kind, match=f"{target} could not be written: .*{told}.* unchanged") as caught:
        write(target, "new")
    assert caught.value.errno == number
    assert_untouched(target)


class ResourceExhaustedError(Exception):
    """As TensorFlow's."""


@pytest.mark.parametrize(
    "error",
    [
        ResourceExhaustedError("{{node}} a/part; No space left on device [Op:SaveV2]"),
        RuntimeError("No space left on device"),
    ],
)
def test_a_full_disk_that_a_library_wraps_is_told_with_what_was_written(target, error):
    def fail():
        with atomic_directory(target) as aside:
            (aside / "file").write_bytes(bytes(300_000))
            raise error

    with pytest.raises(OSError, match=r"No space left.* 0\.3 MB of it were written, and [\d,.]+ MB are free") as caught:
        fail()
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.__cause__ is error
    assert_untouched(target)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied", "/elsewhere/data.png"),
        ValueError("No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        ConnectionError("lost"),
    ],
)
def test_what_the_disk_has_no_part_in_stays_what_it_is(target, error):
    def fail():
        with atomic_directory(target):
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error


LIMITED = """
    import resource, sys
    from kzoo.core.storage import atomic_directory
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        with atomic_directory(sys.argv[1]) as aside:
            (aside / "file").write_bytes(bytes(300_000))
    except OSError as error:
        print(error)
"""


def test_a_limit_of_file_sizes_is_told(target):
    out, _ = start(LIMITED, target).communicate()
    assert f"{target} could not be written: File too large. Raise the limit of file sizes (ulimit -f)" in out
    assert "0.1 MB of it were written" in out
    assert_untouched(target)


@pytest.mark.parametrize("place", ["target", "target/deep"])
def test_a_file_in_the_way_is_told_and_stays(tmp_path, place):
    (tmp_path / "target").write_text("mine")
    with pytest.raises(OSError, match=r"is a file|lead through a file"):
        write(tmp_path / place, "new")
    assert files_of(tmp_path) == {"target": "mine"}


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path, there):
    (tmp_path / "runs").mkdir()
    if there:
        write(tmp_path / "runs" / "5", "old")
    (tmp_path / "latest").symlink_to("runs/5")
    write(tmp_path / "latest", "new")
    assert os.readlink(tmp_path / "latest") == "runs/5"
    assert files_of(tmp_path / "runs" / "5") == {"file": "new"}
    assert sorted(os.listdir(tmp_path)) == ["latest", "runs"]
    assert os.listdir(tmp_path / "runs") == ["5"]


@pytest.mark.parametrize(
    ("leads", "told"), [("gone/5", "is a link to .*gone/5, whose folder does not exist"), ("link", "a link to itself")]
)
def test_a_link_that_leads_nowhere_is_told(tmp_path, leads, told):
    (tmp_path / "link").symlink_to(leads)
    with pytest.raises(OSError, match=told):
        write(tmp_path / "link", "new")
    assert os.listdir(tmp_path) == ["link"]


def test_the_folder_in_which_the_program_runs_is_not_pulled_away(target, monkeypatch):
    (target / "deep").mkdir()
    for place in (target, target / "deep"):
        monkeypatch.chdir(place)
        with pytest.raises(OSError, match="contains the working directory"):
            write(target, "new")
    assert (target / "file").read_text() == "old"


@pytest.mark.parametrize(("path", "error"), [("", ValueError), (None, TypeError), (3, TypeError)])
def test_what_is_no_path_is_told(path, error):
    with pytest.raises(error, match=r"export needs the path of a directory, as in export\('flowers'\)\. Got"):
        target_of(path, verb="export")


def start(code, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


KILLED_INSIDE = """
    import sys, time
    from kzoo.core.storage import atomic_directory
    with atomic_directory(sys.argv[1]) as aside:
        (aside / "file").write_text("half")
        print("inside", flush=True)
        time.sleep(60)
"""

KILLED_BETWEEN = """
    import os, sys, time
    from kzoo.core.storage import atomic_directory
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
    from kzoo.core.storage import atomic_directory
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


def say(directory, name, digest="0" * 64):
    """Adds a line of checksums."""
    with (directory / "SHA256SUMS").open("a") as file:
        file.write(f"{digest}  {name}\n")


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


def test_sums_may_lie_deeper_and_a_file_of_that_name_be_one_of_the_files(summed):
    write_checksums(summed, to="deep/SHA256SUMS")
    assert verify_checksums(summed, sums="deep/SHA256SUMS") == 3
    subprocess.run(["sha256sum", "--check", "--status", "deep/SHA256SUMS"], cwd=summed, check=True)
    (summed / "SHA256SUMS").write_text("")
    with pytest.raises(DamagedError, match="changed: SHA256SUMS"):
        verify_checksums(summed, sums="deep/SHA256SUMS")


def test_a_link_within_is_the_file_that_it_leads_to(summed):
    (summed / "again").symlink_to("deep/two ü")
    write_checksums(summed)
    assert verify_checksums(summed) == 3
    (summed.parent / "other").symlink_to(summed)
    assert verify_checksums(summed.parent / "other") == 3


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda d: (d / "one").write_text("x"), "one"),
        (lambda d: (d / "deep" / "two ü").unlink(), "deep/two ü"),
        (lambda d: (d / "deep" / "extra").write_text(""), "deep/extra"),
        (lambda d: (d / "SHA256SUMS").write_text(""), "not in SHA256SUMS: deep/two ü, one"),
        (lambda d: (d / "deep" / "SHA256SUMS").write_text(""), "not in SHA256SUMS: deep/SHA256SUMS"),
        (lambda d: (d / "out").symlink_to("/etc/hostname"), "out is a link that leads out of it"),
        (lambda d: (d / "deep" / "out").symlink_to("../.."), "deep/out is a link that leads out of it"),
        (lambda d: (d / "gone").symlink_to("nowhere"), "gone is neither a file nor a directory"),
        (lambda d: os.mkfifo(d / "pipe"), "pipe is neither a file nor a directory"),
        (lambda d: say(d, "../one"), "'.*  ../one' is not a valid line of checksums"),
        (lambda d: say(d, "deep/../../one"), "is not a valid line of checksums"),
        (lambda d: say(d, "/etc/hostname"), "is not a valid line of checksums"),
        (lambda d: say(d, "one"), "is not a valid line of checksums"),
        (lambda d: say(d, "new", "0123"), "is not a valid line of checksums"),
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


def test_a_file_replaces_what_was_there_or_never_appears(tmp_path):
    target = tmp_path / "new" / "page.html"
    for text in ("old", "new"):
        with atomic_file(target) as aside:
            assert aside.name == "page.html"
            aside.write_text(text)
        assert target.read_text() == text

    def fail():
        with atomic_file(target) as aside:
            aside.write_text("half")
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert files_of(target.parent) == {"page.html": "new"}
    with pytest.raises(IsADirectoryError, match=r"is a directory\. Choose the path of a file"), atomic_file(tmp_path):
        pass
