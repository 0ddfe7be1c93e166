"""Figures show what they are given."""

import sys

import numpy as np
import pytest

from kzoo.core import figures


def test_a_grid_has_a_titled_picture_each():
    axes = figures.grid(np.zeros((7, 4, 5, 3)), list("abcdefg")).axes
    assert [axis.get_title() for axis in axes] == [*"abcdefg", "", "", "", "", ""]
    assert sum(len(axis.images) for axis in axes) == 7


def test_long_titles_are_wrapped():
    title = figures.grid(np.zeros((1, 4, 4, 3)), ["paper, taken for\nsomething with a long name"]).axes[0].get_title()
    assert title == "paper, taken for\nsomething with a\nlong name"


def test_a_spectrogram_has_time_and_frequency():
    axes = figures.PictureAxes("time (s)", "frequency (Hz)", 0.5, [(0.25, "500"), (0.5, "1,000")])
    first, second, _, last = figures.grid(np.zeros((4, 8, 6, 3)), list("abcd"), axes=axes).axes[:4]
    assert first.images[0].get_extent() == [0, 0.5, 0, 1]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["500", "1,000"]
    assert (first.get_ylabel(), second.get_ylabel()) == ("frequency (Hz)", "")
    # Time is written below the lowest image of each column.
    assert (first.get_xlabel(), second.get_xlabel(), last.get_xlabel()) == ("", "time (s)", "time (s)")


PROBE = {"epoch": 0, "C": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}
EPOCHS = [
    {"epoch": 0, "loss": 0.9, "val_loss": 0.8, "val_accuracy": 0.6},
    {"epoch": 1, "loss": 0.7, "val_loss": 0.6, "val_accuracy": 0.7},
    {"epoch": 0, "loss": 0.5, "val_loss": 0.4, "val_accuracy": 0.8},
]


def test_curves_have_a_line_per_split_and_one_for_the_probe():
    loss, accuracy = figures.curves([PROBE, *EPOCHS]).axes
    lines = {line.get_label(): line for line in loss.lines}
    assert list(lines["train"].get_ydata()) == [0.9, 0.7, 0.5]
    assert list(lines["validation"].get_ydata()) == [0.8, 0.6, 0.4]
    assert list(lines["linear probe, validation"].get_ydata()) == [1.0, 1.0]
    assert list(lines["next phase"].get_xdata()) == [2.5, 2.5]
    assert list(accuracy.lines[0].get_ydata()) == [0.6, 0.7, 0.8]
    assert (loss.get_title(), accuracy.get_title(), loss.get_xlabel()) == ("Loss", "Accuracy", "epoch")


def test_lines_differ_in_black_and_white():
    loss = figures.curves([PROBE, *EPOCHS]).axes[0]
    assert len({(line.get_linestyle(), line.get_marker()) for line in loss.lines}) == len(loss.lines) == 4


def test_a_probe_alone_is_said_in_words():
    (axis,) = figures.curves([PROBE]).axes
    assert not axis.lines
    assert axis.texts[0].get_text() == "Linear probe (no epochs): validation loss 1.000, validation accuracy 0.500"
    assert figures.curves([]).axes[0].texts[0].get_text() == "There are no epochs to show."


def test_a_course_has_a_panel_for_the_loss_and_one_for_the_probe():
    rows = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.5, "probe": 0.4}, {"step": 30, "loss": 1.0, "probe": 0.6}]
    figure = figures.course(rows, title="name")
    assert [list(axis.lines[0].get_xdata()) for axis in figure.axes] == [[10, 20, 30], [20, 30]]
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "accuracy"]
    (alone,) = figures.course([{"step": 0}, rows[0]], title="name").axes
    assert not alone.lines
    assert alone.texts[0].get_text() == "name: training loss 2.000 at step 10"


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "kzoo\[viz\]"'):
        figures.grid(np.zeros((1, 4, 4, 3)), ["a"])
