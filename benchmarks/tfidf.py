"""TF-IDF at its best: n-grams of words, of characters, or both, chosen by cross-validation as its users do."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, make_pipeline

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of the L2 penalty that are tried."""

CLASS_WEIGHTS = (None, "balanced")


@dataclass(frozen=True)
class Fitted:
    """A pipeline that was refitted on all examples, what was chosen, and what the choice scored.

    Args:
        model: from texts to labels.
        chosen: names of what was chosen.
        score: mean over the folds of cross-validation, of the metric that chose.
    """

    model: Any
    chosen: dict[str, Any]
    score: float


def best_tfidf(texts: Sequence[str], labels: Sequence[str], *, metric: str = "accuracy", folds: int = 5) -> Fitted:
    """Chooses vectoriser, penalty and class weights by stratified cross-validation, and refits.

    Args:
        texts: all that may be learned from: train and validation.
        labels: one for each.
        metric: that chooses, "accuracy" or "macro-F1": the one that is reported.
        folds: of cross-validation; fewer where a class has fewer examples.
    """
    known, answers = np.array(texts, object), np.array(labels)
    smallest = min(np.unique(answers, return_counts=True)[1])
    splitter = StratifiedKFold(max(2, min(folds, smallest)), shuffle=True, random_state=0)
    vectorizers = _vectorizers(_is_chinese(texts))
    scores: dict[tuple[Any, ...], list[float]] = {}
    for name, (train, test) in itertools.product(vectorizers, list(splitter.split(known, answers))):
        # Each fold is vectorised once, not once for each penalty.
        vectorizer = vectorizers[name]()
        learned, measured = vectorizer.fit_transform(known[train]), vectorizer.transform(known[test])
        for strength, weights in itertools.product(STRENGTHS, CLASS_WEIGHTS):
            guessed = _fit(strength, weights, learned, answers[train]).predict(measured)
            scores.setdefault((name, strength, weights), []).append(score(metric, answers[test], guessed))
    best = max(scores, key=lambda choice: float(np.mean(scores[choice])))
    name, strength, weights = best
    vectorizer = vectorizers[name]()
    regression = _fit(strength, weights, vectorizer.fit_transform(known), answers)
    chosen = {"vectors": name, "C": strength, "class_weight": weights}
    return Fitted(make_pipeline(vectorizer, regression), chosen, float(np.mean(scores[best])))


def score(metric: str, truth: Sequence[object], answers: Sequence[object]) -> float:
    """Accuracy, or the mean F1 over all classes."""
    if metric == "accuracy":
        return float(accuracy_score(truth, answers))
    return float(f1_score(truth, answers, average="macro"))


def _fit(strength: float, weights: str | None, rows: Any, labels: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        # Weak penalties stop at the limit of iterations: near enough to their optimum for a score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, class_weight=weights, max_iter=300).fit(rows, labels)


def _vectorizers(chinese: bool) -> dict[str, Any]:
    if chinese:
        return {f"char 1-{most}": _vectorizer("char", (1, most)) for most in (2, 3, 4)}
    words, characters = _vectorizer("word", (1, 2)), _vectorizer("char_wb", (2, 5))
    return {
        "word 1-2": words,
        "char_wb 2-5": characters,
        "word 1-2 and char_wb 2-5": lambda: FeatureUnion([("words", words()), ("characters", characters())]),
    }


def _vectorizer(analyzer: str, ngrams: tuple[int, int]) -> Any:
    return lambda: TfidfVectorizer(analyzer=analyzer, ngram_range=ngrams, sublinear_tf=True)


def _is_chinese(texts: Sequence[str]) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for text in texts[:9] for letter in text)
