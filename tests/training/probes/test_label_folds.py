"""Folds of labelled examples."""

import numpy as np
import pytest

from kzoo.task_kinds.classification import CLASSIFICATION
from kzoo.task_kinds.regression import REGRESSION
from kzoo.training.probes.label_folds import label_folds

CLASSES = np.eye(2, dtype=np.float32)[[0, 1] * 20]


def test_groups_stay_whole():
    groups = [str(number // 4) for number in range(40)]
    folds = label_folds(CLASSES, groups=groups, kind=CLASSIFICATION)
    assert len(folds) == 5
    for rows, held in folds:
        assert not {groups[row] for row in rows} & {groups[row] for row in held}


def test_classes_are_stratified_and_each_example_is_measured_once():
    folds = label_folds(CLASSES, groups=(), kind=CLASSIFICATION, most=4)
    assert [CLASSES[held].sum(axis=0).tolist() for _, held in folds] == [[5, 5]] * 4
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(40))


@pytest.mark.parametrize(("values", "count"), [(1, 0), (2, 2), (9, 5)])
def test_values_need_two_examples(values, count):
    assert len(label_folds(np.ones((values, 1), np.float32), groups=(), kind=REGRESSION)) == count
