"""Monitors: scores of truth and probabilities, (N, outputs) each, that validation can select by; higher is better."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score


def accuracy_of_classes(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The share of right answers."""
    return float((truth.argmax(axis=1) == outputs.argmax(axis=1)).mean())


def accuracy_of_labels(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean share of right answers."""
    return float(((outputs >= 0.5) == (truth >= 0.5)).mean())


def balanced_accuracy_of_classes(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean recall of the classes that occur."""
    wanted = truth.argmax(axis=1)
    return float(np.mean([(outputs.argmax(axis=1)[wanted == each] == each).mean() for each in np.unique(wanted)]))


def balanced_accuracy_of_labels(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean over the labels of the mean recall of yes and no."""
    columns = zip((truth >= 0.5).T, (outputs >= 0.5).T, strict=True)
    return float(
        np.mean([balanced_accuracy_score(wanted, found) for wanted, found in columns if len(set(wanted)) == 2])
    )


def macro_f1_of_classes(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean F1 of the classes."""
    return float(f1_score(truth.argmax(axis=1), outputs.argmax(axis=1), average="macro", zero_division=0))


def macro_f1_of_labels(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean F1 of the labels."""
    return float(f1_score(truth >= 0.5, outputs >= 0.5, average="macro", zero_division=0))


def auc(truth: np.ndarray, outputs: np.ndarray) -> float:
    """The mean over the classes, or labels, of the area under the curve of one against the rest."""
    columns = zip((truth >= 0.5).T, outputs.T, strict=True)
    areas = [roc_auc_score(wanted, found) for wanted, found in columns if 0 < wanted.sum() < len(wanted)]
    if not areas:
        raise ValueError("monitor='auc' needs examples of two classes in the validation split.")
    return float(np.mean(areas))
