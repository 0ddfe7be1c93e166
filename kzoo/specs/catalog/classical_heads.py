"""Classical heads: models of frozen features that are solved, not trained by gradient steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClassicalHead:
    """One of them.

    Args:
        name: the `kind` of a `kzoo.Head`.
        title: what it is, for messages.
        differentiable: whether gradient steps can go on from it, through it: also into the backbone.
    """

    name: str
    title: str
    differentiable: bool


CLASSICAL_HEADS = {
    head.name: head
    for head in (
        ClassicalHead(name="svm", title="linear support vector machine", differentiable=True),
        ClassicalHead(name="rbf_svm", title="support vector machine with an RBF kernel", differentiable=True),
        ClassicalHead(name="ridge", title="ridge regression", differentiable=True),
        ClassicalHead(name="knn", title="k nearest neighbours", differentiable=False),
        ClassicalHead(name="boosting", title="gradient boosting", differentiable=False),
    )
}

RANDOM_FEATURES = 2048
"""Random Fourier features of ``"rbf_svm"``: an error of the kernel of about 0.02."""

NEIGHBORS = 50
"""Neighbours of ``"knn"`` that can have a say, at most."""

ROUNDS, DEPTH = 100, 3
"""Of ``"boosting"``: rounds, of a tree for each output, and levels of a tree."""

LOGISTIC = "logistic"
"""What a linear head of kind ``"mlp"`` is called beside them."""

BEST = "best"
"""The kind of a head that is whichever of them has the lowest loss in cross-validation."""
