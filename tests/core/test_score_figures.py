"""Figures of scores show what they are given."""

import numpy as np

from kzoo.core import score_figures


def texts(labels):
    return [label.get_text() for label in labels]


def test_a_matrix_writes_counts_and_shares_and_leaves_zeros_empty():
    axis = score_figures.matrix(np.array([[3, 1], [0, 7]]), ["a", "b"]).axes[0]
    assert texts(axis.texts) == ["3\n75%", "1\n25%", "7\n100%"]
    assert texts(axis.get_yticklabels()) == ["a (4)", "b (7)"]
    assert axis.get_title() == "Confusion matrix: 10 of 11 correct"
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25], [0, 1]])


def test_a_matrix_of_many_classes_has_names_that_can_be_read():
    axis = score_figures.matrix(np.eye(100, dtype=int), [f"class {number}" for number in range(100)]).axes[0]
    assert not axis.texts
    assert texts(axis.get_xticklabels()) == [f"class {number}" for number in range(0, 100, 3)]


def test_label_scores_put_the_best_label_on_top():
    axis = score_figures.label_scores([("a", 0.5, 0.25, 0.4, 4), ("b", 1.0, 0.8, 0.9, 5)]).axes[0]
    assert texts(axis.get_yticklabels()) == ["a (4)", "b (5)"]  # from the bottom
    assert [bar.get_width() for bar in axis.patches] == [0.4, 0.9]
    marks = {line.get_label(): list(line.get_xdata()) for line in axis.lines}
    assert marks == {"precision": [0.5, 1.0], "recall": [0.25, 0.8]}


def test_of_many_labels_the_lowest_are_drawn():
    rows = [(f"label {number}", 0.5, 0.5, number / 100, 3) for number in range(50)]
    axis = score_figures.label_scores(rows).axes[0]
    assert texts(axis.get_yticklabels())[0] == "label 0 (3)"
    assert len(axis.patches) == 30
    assert axis.get_title() == "Scores by label: the 30 lowest of 50"


def test_a_regression_shows_predictions_and_residuals():
    truth, outputs = np.array([[1.0], [2.0], [4.0]]), np.array([[1.5], [2.0], [3.0]])
    left, right = score_figures.against_truth(truth, outputs, ["price"]).axes
    np.testing.assert_allclose(left.collections[0].get_offsets(), [[1, 1.5], [2, 2], [4, 3]])
    np.testing.assert_allclose(right.collections[0].get_offsets(), [[1.5, 0.5], [2, 0], [3, -1]])
    assert list(left.lines[0].get_xdata()) == [1.0, 4.0]
    assert (left.get_title(), right.get_title()) == ("price: prediction against truth", "price: residuals")
    assert len(score_figures.against_truth(np.zeros((2, 5)), np.ones((2, 5)), list("abcde")).axes) == 6
