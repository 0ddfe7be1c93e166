"""Models of scikit-learn on rows of a table, the rivals of networks: boosting, and a support vector machine.

They have scikit-learn's defaults, and are fitted on training and validation rows together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.svm import SVC, SVR

from kzoo.data.examples import Splits
from kzoo.data.modalities import MODALITIES
from kzoo.data.row.plain_table import PlainTable
from kzoo.results.adapted import Adapted
from kzoo.task_kinds.kind_registry import get_task_kind

Fit = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""From features (N, C) and targets (N,) to a function from features to outputs: (N,), or (N, classes)."""


def boosting(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """Histogram-based gradient boosting of trees, which take missing values and categories as they are."""
    parts = _tables(adapted, splits)
    options = {"categorical_features": parts[0].categorical, "random_state": seed}

    def fit_classes(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return HistGradientBoostingClassifier(**options).fit(features, targets).predict_proba

    def fit_values(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return HistGradientBoostingRegressor(**options).fit(features, targets).predict

    return _outputs(adapted, splits, [each.cells for each in parts], fit_classes, fit_values)


def support_vectors(adapted: Adapted, splits: Splits, seed: int) -> np.ndarray:
    """A support vector machine with the kernel of radial basis functions, on scaled numbers."""

    def fit_classes(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model = SVC(random_state=seed).fit(features, targets)
        return lambda found: _shares(model.decision_function(found))

    def fit_values(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        center, spread = targets.mean(), targets.std() or 1.0
        model: Any = SVR().fit(features, (targets - center) / spread)
        return lambda found: model.predict(found) * spread + center

    return _outputs(adapted, splits, [each.dense for each in _tables(adapted, splits)], fit_classes, fit_values)


def _tables(adapted: Adapted, splits: Splits) -> list[PlainTable]:
    """The rows of training, validation and test."""
    modality = MODALITIES[adapted.preprocessor.modality]
    if modality.tabulate is None:
        raise TypeError(f"{modality.noun}s are no rows of a table.")
    parts = (splits.train, splits.validation, splits.test)
    return [modality.tabulate(adapted.preprocessor, each.columns[modality.name]) for each in parts]


def _shares(decisions: np.ndarray) -> np.ndarray:
    """Decisions as numbers in (0, 1) of the same order; those of two classes come as one number each."""
    if decisions.ndim == 1:
        return np.stack([special.expit(-decisions), special.expit(decisions)], axis=1)
    return special.softmax(decisions, axis=1)


def _outputs(
    adapted: Adapted, splits: Splits, features: list[np.ndarray], fit_classes: Fit, fit_values: Fit
) -> np.ndarray:
    """Outputs on the test split, float64 (N, outputs), of a model of all targets, or of one for each."""
    kind, outputs = get_task_kind(adapted.kind), len(splits.labels)
    known, asked = np.concatenate(features[:2]), features[2]
    targets = np.concatenate([splits.train.targets, splits.validation.targets])
    if kind.exclusive:
        found = np.zeros((len(asked), outputs))
        found[:, np.unique(targets)] = fit_classes(known, targets)(asked)
        return found
    columns = []
    for column in targets.T:
        if len(np.unique(column)) == 1:
            columns.append(np.full(len(asked), column[0]))
        elif kind.has_labels:
            columns.append(fit_classes(known, column.astype(int))(asked)[:, 1])
        else:
            columns.append(fit_values(known, column.astype(float))(asked))
    return np.stack(columns, axis=1).astype(float)
