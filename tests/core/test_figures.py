"""Figures show what they are given."""

import sys

import numpy as np
import pytest

from kzoo.core import figures


def test_a_matrix_writes_its_counts():
    axis = figures.matrix(np.array([[3, 1], [0, 7]]), ["a", "b"]).axes[0]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "0", "7"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_a_grid_has_a_titled_picture_each():
    axes = figures.grid(np.zeros((7, 4, 5, 3)), list("abcdefg")).axes
    assert [axis.get_title() for axis in axes] == [*"abcdefg", "", "", "", "", ""]
    assert sum(len(axis.images) for axis in axes) == 7


def test_curves_mark_where_a_phase_begins():
    history = [
        {"epoch": 0, "val_loss": 1.0, "val_accuracy": 0.5},
        {"epoch": 0, "loss": 0.9, "val_loss": 0.8, "val_accuracy": 0.6},
        {"epoch": 1, "loss": 0.7, "val_loss": 0.6, "val_accuracy": 0.7},
    ]
    loss, accuracy = figures.curves(history).axes
    lines = {line.get_label(): line for line in loss.lines}
    assert list(lines["val_loss"].get_ydata()) == [1.0, 0.8, 0.6]
    assert list(accuracy.lines[0].get_ydata()) == [0.5, 0.6, 0.7]
    assert list(loss.lines[-1].get_xdata()) == [1.5, 1.5]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "kzoo\[viz\]"'):
        figures.grid(np.zeros((1, 4, 4, 3)), ["a"])
