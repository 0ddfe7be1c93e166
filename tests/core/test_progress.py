"""Progress: lines where output is no terminal, a bar where it is, nothing where silence is wanted."""

import io
import sys

import pytest
from tqdm.notebook import tqdm as notebook_tqdm

from kzoo.core import progress
from kzoo.core.progress import ProgressBar, one_bar, track
from kzoo.core.verbosity import verbosity


class Terminal(io.StringIO):
    """An output that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def as_terminal(monkeypatch):
    """Makes standard error a terminal, from the test itself: pytest puts its own there before."""

    def patched() -> Terminal:
        found = Terminal()
        monkeypatch.setattr(sys, "stderr", found)
        return found

    return patched


def work():
    with ProgressBar("phase 1 of 2", unit="example", total=4, stays=True) as bar:
        bar.state("checking cache")
        for epoch in range(2):
            bar.report(f"epoch {epoch + 1} of 2, loss 0.500")
            bar.update(2)
        bar.total += 3
        return bar.total


def test_a_log_file_gets_a_line_for_each_report(capsys):
    assert work() == 7
    lines = "phase 1 of 2: epoch 1 of 2, loss 0.500\nphase 1 of 2: epoch 2 of 2, loss 0.500\n"
    assert capsys.readouterr().err == lines


def test_a_terminal_keeps_the_bar_with_the_last_report(as_terminal):
    terminal = as_terminal()
    work()
    last = terminal.getvalue().rstrip("\n").split("\r")[-1]
    assert last.startswith("phase 1 of 2:")
    assert "epoch 2 of 2, loss 0.500" in last
    assert "4/7" in last


def test_silence_shows_neither(as_terminal, monkeypatch, capsys):
    terminal = as_terminal()
    with verbosity(0):
        assert work() == 7
        assert list(track(range(3), "reading", unit="file", total=3)) == [0, 1, 2]
    assert terminal.getvalue() == ""
    monkeypatch.undo()
    with verbosity(0):
        work()
    assert capsys.readouterr().err == ""


def test_a_tracked_loop_gives_all_items_and_leaves_no_bar(as_terminal):
    terminal = as_terminal()
    assert list(track(iter("abc"), "reading files", unit="file", total=3)) == ["a", "b", "c"]
    assert "reading files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_a_notebook_has_a_bar_and_no_lines(monkeypatch, capsys):
    """In a kernel standard error is no terminal, and `tqdm.auto.tqdm` is a class of its own above that of widgets."""
    shown = []

    class Widgets(notebook_tqdm):
        def __init__(self, **options):
            super().__init__(**options | {"disable": True})
            shown.append(options["disable"])

    monkeypatch.setattr(progress, "tqdm", Widgets)
    work()
    assert shown == [False]
    assert capsys.readouterr().err == ""


def test_one_bar_counts_all_that_is_tracked(as_terminal):
    terminal = as_terminal()
    with one_bar("examining", unit="image"):
        assert list(track(range(3), "reading files", unit="file", total=3)) == [0, 1, 2]
        assert list(track("ab", "decoding", unit="image", total=2)) == ["a", "b"]
        whole = progress._WHOLE.get()
        assert (whole.bar.n, whole.total) == (5, 5)
    shown = terminal.getvalue()
    assert "examining:" in shown
    assert "reading files:" not in shown
    list(track(range(3), "reading files", unit="file", total=3))
    assert "reading files:" in terminal.getvalue()


def test_a_bar_of_work_that_is_soon_done_never_appears(as_terminal):
    terminal = as_terminal()
    for delay in (60.0, 0.0):
        before = terminal.getvalue()
        with ProgressBar("report", unit="part", total=2, delay=delay) as bar:
            bar.state("slices")
            bar.update()
            bar.update()
        assert ("report" in terminal.getvalue().removeprefix(before)) == (delay == 0)
