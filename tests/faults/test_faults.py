"""Kills, full disks and crowds: the counts of the scripts beside this file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def counts(script, *arguments):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "needs the right to mount" in done.stderr:
        pytest.skip("this process may not mount a disk")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "kills", [pytest.param(5, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.exhaustive)]
)
def test_nothing_is_lost_by_kills(kills):
    found = counts("kills.py", "--kills", kills)
    assert sum(found["kills"].values()) >= kills
    assert found["between renames"] or kills < 200
    assert (found["unreadable"], found["lost"], found["changed"]) == ([], [], [])


@pytest.mark.parametrize(
    ("sizes", "verbs"),
    [
        pytest.param(2, ["adapt"], marks=pytest.mark.slow),
        pytest.param(10, ["adapt", "pretrain", "distill", "align", "save"], marks=pytest.mark.exhaustive),
    ],
)
def test_nothing_is_lost_on_full_disks(sizes, verbs):
    found = counts("full_disks.py", "--sizes", sizes, "--verbs", *verbs)
    assert all(found["full"].values())
    assert found["wrong"] == []


@pytest.mark.slow
def test_of_four_processes_one_trains_and_the_others_say_so():
    found = counts("crowds.py")
    trained = [each["weights"] for each in found["ends"] if each["weights"]]
    refused = [each["refused"] for each in found["ends"] if each["refused"]]
    assert trained
    assert refused
    assert len(trained) + len(refused) == 4
    assert len(set(trained)) == 1
    assert all("is in use by process" in each for each in refused)
    assert len(found["versions"]) == 4
    assert found["left"] == []
