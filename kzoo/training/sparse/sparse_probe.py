"""The linear probe on sparse features: TF-IDF and a linear model, solved to their optimum.

Cross-validation over the training and validation texts together chooses the features (words, pieces of words, or both)
and the penalty, by the loss of the kind of task. The solution is fitted to the training texts alone, so that validation
can compare it with what is tuned from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from kzoo.task_kinds.task_kind import TaskKind
from kzoo.training.probes.label_folds import label_folds
from kzoo.training.sparse.sparse_features import BLOCKS, SparseDesign, design_of

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse L2 penalties that are tried, as scikit-learn's C."""

FIRST = 10.0
"""The penalty of the first comparison, and where there are too few texts for another."""

MOST_WORK = 40_000_000
"""Numbers in all folds' features, times outputs, beyond which fewer of the folds are measured."""

ROUGH, FINE = 1e-3, 1e-5
"""Largest component of the gradient at which a candidate is judged, and at which the chosen one counts as solved."""

MOST_TEXTS = 2_000
"""Texts of which directions are computed."""


@dataclass(frozen=True)
class SparseTexts:
    """Texts with their targets.

    Args:
        terms: see `kzoo.training.sparse.sparse_features.count_terms`, (N, buckets).
        targets: float32 (N, outputs).
        weights: float32 (N,).
        groups: what each belongs to, or none.
    """

    terms: csr_matrix
    targets: np.ndarray
    weights: np.ndarray
    groups: Sequence[str] = ()

    def take(self, rows: np.ndarray) -> SparseTexts:
        """Those at some places."""
        return SparseTexts(self.terms[rows], self.targets[rows], self.weights[rows])

    def __add__(self, other: SparseTexts) -> SparseTexts:
        terms = vstack([self.terms, other.terms], format="csr")
        targets, weights = (
            np.concatenate(pair) for pair in ((self.targets, other.targets), (self.weights, other.weights))
        )
        return SparseTexts(terms, targets, weights, [*self.groups, *other.groups])


@dataclass(frozen=True)
class SparseSolution:
    """A linear model of TF-IDF.

    Args:
        design: the features.
        blocks: their name, of `kzoo.training.sparse.sparse_features.BLOCKS`.
        kernel: float64 (C, outputs).
        bias: float64 (outputs,).
        strength: the inverse penalty.
    """

    design: SparseDesign
    blocks: str
    kernel: np.ndarray
    bias: np.ndarray
    strength: float

    def logits(self, terms: csr_matrix) -> np.ndarray:
        """Logits (N, outputs), float32, of term frequencies (N, buckets)."""
        return (self.design(terms) @ self.kernel + self.bias).astype(np.float32)

    def table(self, terms: csr_matrix, *, width: int) -> np.ndarray:
        """Embeddings, float32 (buckets, width): the kernel in the first columns, then directions of some texts.

        These are the right singular vectors of their features (latent semantic analysis, Deerwester et al. 1990), so
        that texts of similar words lie near each other also where the kernel has nothing to say; scaled to the size of
        the logits.
        """
        found = np.zeros((len(self.design.idf), width), np.float32)
        outputs, used = self.kernel.shape[1], self.design.used
        found[used, :outputs] = self.kernel
        rows = np.unique(np.linspace(0, terms.shape[0] - 1, min(terms.shape[0], MOST_TEXTS)).astype(int))
        more = min(width - outputs, len(rows), len(used))
        if more > 0:
            features = self.design(terms[rows])
            directions = randomized_svd(features, more, n_iter=2, random_state=0)[2].T
            sizes = [np.linalg.norm(features @ each) for each in (self.kernel, directions)]
            found[used, outputs : outputs + more] = directions * (sizes[0] / max(sizes[1], 1e-12))
        return found


def solve_sparse(
    train: SparseTexts, validation: SparseTexts | None, *, kind: TaskKind, strengths: Sequence[float] | None = None
) -> SparseSolution:
    """The linear model of the lowest loss in cross-validation, fitted to the training texts.

    Args:
        train: the training texts.
        validation: those of validation, if there are any: they take part in the choice alone.
        kind: of the task: multinomial or one-vs-rest logistic, or ridge regression.
        strengths: inverse penalties that are tried, in rising order; None: `STRENGTHS`.
    """
    with threadpool_limits(1):
        blocks, strength = _choose(train + validation if validation else train, kind, strengths or STRENGTHS)
    return fit_sparse(train, blocks, strength, kind=kind)


def fit_sparse(texts: SparseTexts, blocks: str, strength: float, *, kind: TaskKind) -> SparseSolution:
    """The linear model of some texts, with blocks and an inverse penalty that are given; see `solve_sparse`."""
    with threadpool_limits(1):
        design = design_of(texts.terms, blocks)
        fit = kind.probe(texts.targets.shape[1])
        kernel, bias = fit(design(texts.terms), texts.targets, texts.weights, strength, FINE)
    return SparseSolution(design, blocks, kernel, bias, strength)


def _choose(texts: SparseTexts, kind: TaskKind, strengths: Sequence[float]) -> tuple[str, float]:
    """Names of blocks and a penalty: the best blocks at a penalty of the middle, then the best penalty for them."""
    place = min(range(len(strengths)), key=lambda number: abs(np.log(strengths[number] / FIRST)))
    folds = label_folds(texts.targets, groups=texts.groups, kind=kind)
    if not folds:
        return next(iter(BLOCKS)), strengths[place]
    work = texts.terms.nnz * texts.targets.shape[1] * len(folds)
    folds = folds[: max(1, int(len(folds) * MOST_WORK / work))] if work > MOST_WORK else folds
    half = texts.terms.shape[1] // 2
    known = [name for name, sides in BLOCKS.items() if _has_all(texts.terms.indices, half, sides)]
    trials = {name: _Trials(texts, folds, kind, name) for name in known}
    blocks = min(trials, key=lambda name: trials[name].loss(strengths[place]))
    return blocks, _descend(trials[blocks].loss, strengths, place)


def _has_all(indices: np.ndarray, half: int, sides: tuple[bool, bool]) -> bool:
    """Whether there are terms of each block that is asked for."""
    there = bool((indices < half).any()), bool((indices >= half).any())
    return all(found or not wanted for found, wanted in zip(there, sides, strict=True))


def _descend(loss: Callable[[float], float], strengths: Sequence[float], place: int) -> float:
    """The strength at the bottom of the valley that a place lies in."""
    losses = {place: loss(strengths[place])}
    for step in (1, -1):
        at = place
        while 0 <= at + step < len(strengths):
            losses[at + step] = loss(strengths[at + step])
            if losses[at + step] >= losses[at]:
                break
            at += step
        if at != place:
            break
    return strengths[min(losses, key=lambda number: losses[number])]


@dataclass
class _Trials:
    """Losses on held-out folds, of features of some blocks."""

    texts: SparseTexts
    folds: Sequence[tuple[np.ndarray, np.ndarray]]
    kind: TaskKind
    blocks: str
    _ready: list[Callable[[float], tuple[np.ndarray, np.ndarray]]] = field(default_factory=list)
    _losses: dict[float, float] = field(default_factory=dict)

    def loss(self, strength: float) -> float:
        """The mean loss of all held-out examples, by their weights."""
        if strength not in self._losses:
            self._ready = self._ready or [self._trial(*fold) for fold in self.folds]
            losses, weights = zip(*(measure(strength) for measure in self._ready), strict=True)
            self._losses[strength] = float(np.average(np.concatenate(losses), weights=np.concatenate(weights)))
        return self._losses[strength]

    def _trial(self, rows: np.ndarray, held: np.ndarray) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
        """From a strength to the losses and weights of one fold's held-out examples; features are computed once."""
        learned, asked = self.texts.take(rows), self.texts.take(held)
        design = design_of(learned.terms, self.blocks)
        features, others = design(learned.terms), design(asked.terms)
        fit = self.kind.probe(learned.targets.shape[1])

        def measure(strength: float) -> tuple[np.ndarray, np.ndarray]:
            kernel, bias = fit(features, learned.targets, learned.weights, strength, ROUGH)
            return self.kind.example_losses(others @ kernel + bias, asked.targets), asked.weights

        return measure
