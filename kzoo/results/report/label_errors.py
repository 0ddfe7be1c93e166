"""Likely label errors, by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068).

Probabilities of examples that a model was not fitted to are compared with the labels that they have. An example counts
as confidently of a class if the probability of that class is at least what examples with this label get on average, so
that classes of which models are less sure have a lower bar. The *confident joint* counts examples by given label and
by confident class. Its cells off the diagonal estimate how many labels are wrong; as many examples are suspects: those
whose own labels have the lowest probability (self-confidence).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Suspects:
    """Examples whose labels are likely wrong, the likeliest first.

    Args:
        places: of the examples, int (S,).
        given: the label that each has, int (S,).
        suggested: the most probable other class of each, int (S,).
        confidence: probability of the label that each has, float (S,), rising.
        alternative: probability of the suggested class, float (S,).
    """

    places: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    confidence: np.ndarray
    alternative: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def confident_joint(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Numbers of examples by given label (row) and confident class (column), int (K, K).

    An example that is confidently of several classes counts for the most probable of them; one of none is left out.

    Args:
        probabilities: of examples that the model was not fitted to, (N, K).
        given: their labels, int (N,).

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> confident_joint(probabilities, np.array([0, 0, 1, 1, 1])).tolist()
        [[1, 0], [1, 2]]
    """
    classes = probabilities.shape[1]
    sums = np.bincount(given, weights=probabilities[np.arange(len(given)), given], minlength=classes)
    counts = np.bincount(given, minlength=classes)
    # No example is confidently of a class that no example has.
    bar = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    over = np.where(probabilities >= bar, probabilities, -1.0)
    confident = over.max(axis=1) >= 0
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (given[confident], over[confident].argmax(axis=1)), 1)
    return joint


def find_suspects(probabilities: np.ndarray, given: np.ndarray) -> Suspects:
    """The examples whose labels are likely wrong: as many as the confident joint has off its diagonal.

    Args:
        probabilities: of examples that the model was not fitted to, (N, K).
        given: their labels, int (N,).
    """
    joint = confident_joint(probabilities, given)
    count = int(joint.sum() - np.trace(joint))
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    others = np.array(probabilities, np.float64)
    others[rows, given] = -1.0
    suggested = others.argmax(axis=1)
    contradicted = np.flatnonzero(own < others[rows, suggested])
    places = contradicted[np.argsort(own[contradicted], kind="stable")][:count]
    return Suspects(places, given[places], suggested[places], own[places], others[places, suggested[places]])
