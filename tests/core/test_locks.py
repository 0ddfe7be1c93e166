"""One writer at a time, by whatever path; what a living process writes is never removed."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading

import pytest
from filelock import Timeout

from kzoo.core import locks
from kzoo.core.leftovers import sweep
from kzoo.core.locks import lock, mark, state_of
from kzoo.core.storage import atomic_directory, recover

HOLDS = """
    import sys
    from kzoo.core.storage import atomic_directory
    with atomic_directory(sys.argv[1]) as aside:
        (aside / "file").write_text("first")
        print("inside", flush=True)
        sys.stdin.readline()
"""

WRITES = """
    import sys
    from kzoo.core import locks
    from kzoo.core.storage import atomic_directory
    locks.PATIENCE = 0.2
    with atomic_directory(sys.argv[1]) as aside:
        (aside / "file").write_text("second")
"""


@pytest.fixture
def start():
    """Starts processes with a temporary folder of their own; those that are left at the end are killed."""
    running = []

    def run(code, *arguments, **environment):
        command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, env=os.environ | environment, text=True, **pipes))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def place(tmp_path):
    """A folder with a link to it, and two temporary folders, beside which it stands."""
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    for name in "ab":
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "spelling",
    ["real/target", "linked/target", "real/../linked/./target", "link_to_target"],
    ids=["same", "linked parent", "dots", "link"],
)
def test_a_second_writer_waits_whatever_the_path_and_the_temporary_folder(place, start, spelling):
    (place / "link_to_target").symlink_to("real/target")
    first = start(HOLDS, place / "real" / "target", TMPDIR=str(place / "a"))
    assert first.stdout.readline() == "inside\n"
    second = start(WRITES, os.path.join(place, spelling), TMPDIR=str(place / "b"))
    told = second.stderr.readline()
    assert f"Waiting for process {first.pid} on {socket.gethostname()}" in told
    assert told.rstrip().endswith(f"which writes {place}/real/target")
    (aside,) = (place / "real").glob(".target.new-*")
    assert (aside / "file").read_text() == "first"
    assert second.poll() is None
    assert not (place / "real" / "target").exists()
    out, err = first.communicate("\n")
    assert (out, err, first.returncode) == ("", "", 0)
    out, err = second.communicate()
    assert (out, err, second.returncode) == ("", "", 0)
    assert (place / "real" / "target" / "file").read_text() == "second"
    assert os.listdir(place / "real") == ["target"]
    assert (place / "link_to_target").is_symlink()


def test_a_lock_of_a_dead_process_is_no_lock(tmp_path, start, caplog):
    process = start(HOLDS, tmp_path / "target")
    process.stdout.readline()
    process.kill()
    process.wait()
    assert (tmp_path / ".target.lock").is_file()
    with atomic_directory(tmp_path / "target") as aside:
        (aside / "file").write_text("next")
    assert os.listdir(tmp_path) == ["target"]
    assert not caplog.records


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "1; rm", "host": "h", "since": ""}', "\xff"])
def test_a_lock_file_that_names_nobody_is_waited_for_too(tmp_path, monkeypatch, content):
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    told, said, entered = threading.Event(), [], []
    monkeypatch.setattr(locks.LOG, "warning", lambda text, *words: said.append(text % words) or told.set())

    def write():
        with lock(tmp_path / "target"):
            entered.append(True)

    with lock(tmp_path / "target"):
        (tmp_path / ".target.lock").write_text(content, encoding="latin-1")
        waiting = threading.Thread(target=write)
        waiting.start()
        told.wait(10)
        assert not entered
    waiting.join(10)
    assert entered == [True]
    assert said == [f"Waiting for another process, which writes {tmp_path}/target"]


def test_a_lock_file_of_another_is_not_removed(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def write():
        with lock(tmp_path / "target"):
            entered.set()
            leave.wait(10)

    with lock(tmp_path / "target"):
        (tmp_path / ".target.lock").unlink()  # as a user may, who tidies up
        other = threading.Thread(target=write)
        other.start()
        assert entered.wait(10)
    assert os.listdir(tmp_path) == [".target.lock"]
    leave.set()
    other.join(10)
    assert os.listdir(tmp_path) == []


def test_a_wait_is_told_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    entered = threading.Event()

    def write():
        with lock(tmp_path / "target"):
            entered.set()

    with caplog.at_level(logging.WARNING, "kzoo"), lock(tmp_path / "target"):
        waiting = threading.Thread(target=write)
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(10)
    assert entered.is_set()
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        f"Waiting for process {os.getpid()} on {socket.gethostname()} (since {record_time(caplog)})"
    ]


def record_time(caplog):
    return re.search(r"since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", caplog.records[0].getMessage())[1]


@pytest.mark.parametrize("spelling", ["real/target", "linked/target", "link_to_target"])
def test_where_nobody_is_to_wait_a_held_lock_raises(place, spelling):
    (place / "link_to_target").symlink_to("real/target")

    def enter():
        with lock(place / spelling, wait=False):
            pass

    found = []

    def try_it():
        try:
            enter()
        except Timeout as error:
            found.append(error)

    with lock(place / "real" / "target"):
        other = threading.Thread(target=try_it)
        other.start()
        other.join()
    assert len(found) == 1
    enter()


def test_four_threads_enter_one_after_the_other(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(10):
            with lock(tmp_path / "target"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1] * 40
    assert os.listdir(tmp_path) == []


def test_a_hostile_temporary_folder_stops_nobody(tmp_path, start):
    hostile = tmp_path / f"kzoo-locks-{os.getuid()}"
    hostile.write_text("not a folder")
    writer = start(WRITES, tmp_path / "target", TMPDIR=str(tmp_path))
    _, err = writer.communicate()
    assert (writer.returncode, err) == (0, "")
    assert hostile.read_text() == "not a folder"


def test_the_mark_tells_who_lives(start):
    process = start("import sys; from kzoo.core.locks import mark; print(mark(), flush=True); sys.stdin.readline()")
    other = process.stdout.readline().strip()
    assert state_of(mark()) == state_of(other) == "alive"
    machine, number, started = other.split("-")
    assert int(number) == process.pid
    assert state_of(f"{machine}-{number}-{int(started) + 1}") == "gone"  # its number was given to another process
    assert state_of(f"00000000-{number}-{started}") == "elsewhere"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state_of(other) == "gone"
    assert state_of(f"{machine}-{10**30}-0") == "gone"


@pytest.mark.parametrize("removed", ["lock file", "nothing"])
def test_a_sweep_leaves_what_a_living_process_writes(tmp_path, start, removed):
    process = start(HOLDS, tmp_path / "target")
    process.stdout.readline()
    if removed == "lock file":
        (tmp_path / ".target.lock").unlink()
    (aside,) = tmp_path.glob(".target.new-*")
    for each in (aside / "file", aside):
        os.utime(each, (0, 0))  # it has paused for long
    sweep(tmp_path)
    recover(tmp_path / "target")
    process.communicate("\n")
    assert process.returncode == 0
    assert (tmp_path / "target" / "file").read_text() == "first"


def leave(folder, name, *, age=0.0):
    """What another machine's writer left, and did not change for `age` seconds."""
    import time

    left = folder / name
    left.mkdir()
    (left / "file").write_text("theirs")
    for each in (left / "file", left):
        os.utime(each, (time.time() - age,) * 2)
    return left


@pytest.mark.parametrize("name", [".target.new-01234567-1-1-x", ".target.new-abc_123x"], ids=["marked", "unmarked"])
def test_what_another_machine_writes_is_left_for_a_day(tmp_path, name):
    left = leave(tmp_path, name, age=86_000)
    with atomic_directory(tmp_path / "target"):
        pass
    assert left.exists()
    for each in (left / "file", left):
        os.utime(each, (each.stat().st_mtime - 1_000,) * 2)
    with atomic_directory(tmp_path / "target"):
        pass
    assert not left.exists()


def test_a_sweep_of_one_target_leaves_that_of_others(tmp_path):
    mine = leave(tmp_path, ".a.new-abc", age=90_000)
    others = [
        leave(tmp_path, name, age=90_000) for name in (".ab.new-abc", ".a.new-b.new-abc", ".a.newer", ".a.lock.d")
    ]
    sweep(tmp_path, name="a")
    assert not mine.exists()
    assert all(each.exists() for each in others)


def test_what_was_moved_away_is_put_back_under_its_name(tmp_path):
    leave(tmp_path, ".a.b.old-123")
    recover(tmp_path / "a.b")
    assert (tmp_path / "a.b" / "file").read_text() == "theirs"


READS = """
    import os, sys
    from kzoo.core.storage import recover
    if os.getuid() == 0:
        os.setgid(65534), os.setuid(65534)
    try:
        open(sys.argv[1] + "/probe", "w")
    except PermissionError:
        recover(sys.argv[1] + "/there")
        recover(sys.argv[1] + "/missing")
        print("read only")
"""


def test_a_reader_needs_no_right_to_write(start):
    import shutil
    import tempfile

    # Not in pytest's folders, which other users cannot enter.
    folder = tempfile.mkdtemp()
    os.mkdir(f"{folder}/there")
    os.chmod(folder, 0o555)
    try:
        reader = start(READS, folder)
        assert reader.communicate() == ("read only\n", "")
    finally:
        os.chmod(folder, 0o755)
        shutil.rmtree(folder)
