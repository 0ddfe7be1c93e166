"""The linear probe on sparse features, beside scikit-learn's own."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from kzoo.task_kinds.kind_registry import get_task_kind
from kzoo.training.probes.label_folds import label_folds
from kzoo.training.sparse.sparse_features import count_terms, design_of
from kzoo.training.sparse.sparse_probe import SparseTexts, solve_sparse

CLASSES = get_task_kind("classification")
RNG = np.random.default_rng(0)


def texts(classes, *, told="words", outputs=2, groups=(), seed=0):
    """Texts of noise, of which one block says the class."""
    rng = np.random.default_rng(seed)
    classes = np.asarray(classes)
    ids = rng.integers(1, 500, (len(classes), 12))
    ids[:, 6:] += 511
    column = 0 if told == "words" else 6
    ids[:, column] = 505 + classes if told == "words" else 1_015 + classes
    targets = np.eye(outputs, dtype=np.float32)[classes]
    return SparseTexts(count_terms([ids], buckets=1_024), targets, np.ones(len(classes), np.float32), groups)


@pytest.mark.parametrize("told", ["words", "pieces"])
def test_the_features_that_tell_are_chosen_and_the_rest_is_solved_as_scikit_learn_does(told):
    train, held = texts([0, 1] * 60, told=told), texts([0, 1] * 20, told=told, seed=1)
    found = solve_sparse(train, held, kind=CLASSES)
    assert found.blocks == told
    design = design_of(train.terms, told)
    wanted = LogisticRegression(C=found.strength, tol=1e-6, max_iter=1000).fit(
        design(train.terms), train.targets.argmax(axis=1)
    )
    logits = found.logits(held.terms)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], wanted.decision_function(design(held.terms)), atol=0.02)
    assert (logits.argmax(axis=1) == held.targets.argmax(axis=1)).mean() > 0.9


def test_what_validation_has_alone_is_no_feature():
    train, held = texts([0, 1] * 20), texts([0, 1] * 20, seed=1)
    found = solve_sparse(train, held, kind=CLASSES)
    known = set(train.terms.indices)
    assert set(found.design.used) <= known
    assert not set(held.terms.indices) <= known


def test_a_weak_signal_takes_a_strong_penalty():
    noise = texts(RNG.integers(0, 2, 200))
    noise = SparseTexts(noise.terms, np.eye(2, dtype=np.float32)[RNG.integers(0, 2, 200)], noise.weights)
    assert solve_sparse(noise, None, kind=CLASSES).strength == 0.3
    assert solve_sparse(texts([0, 1] * 100), None, kind=CLASSES).strength > 3
    assert solve_sparse(texts([0, 1] * 100), None, kind=CLASSES, strengths=[2.0]).strength == 2.0


def test_weights_count():
    train = texts([0] * 90 + [1] * 10)
    noise = csr_matrix(train.terms.multiply(np.arange(1_024) < 500))
    noise.eliminate_zeros()
    even = SparseTexts(noise, train.targets, np.where(train.targets[:, 1] > 0, 9, 1).astype(np.float32))
    plain = SparseTexts(noise, train.targets, train.weights)
    shares = [
        softmax(solve_sparse(each, None, kind=CLASSES).logits(noise), axis=1)[:, 1].mean() for each in (plain, even)
    ]
    # The mean is weighted: 9 x 10 ones count as much as 90 zeros.
    assert shares[0] == pytest.approx(0.1, abs=0.01)
    assert shares[1] > 0.3


@pytest.mark.parametrize(
    ("classes", "count"), [([0, 1] * 2, 2), ([0, 1] * 3, 3), ([0, 1] * 9, 5), ([0, 1], 0), ([0, 0, 1], 0)]
)
def test_few_texts_have_fewer_folds(classes, count):
    few = texts(classes)
    folds = label_folds(few.targets, groups=(), kind=CLASSES)
    assert len(folds) == count
    assert all(len(set(few.targets[rows].argmax(axis=1))) == 2 for rows, _ in folds)
    found = solve_sparse(few, None, kind=CLASSES)
    assert np.isfinite(found.kernel).all()
    assert count or found.strength == 10


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_other_kinds_of_task(kind):
    wanted = RNG.integers(0, 2, (120, 2)).astype(np.float32)
    ids = RNG.integers(1, 500, (120, 8))
    ids[:, 0], ids[:, 1] = 501 + wanted[:, 0], 505 + wanted[:, 1]
    train = SparseTexts(count_terms([ids], buckets=1_024), wanted, np.ones(120, np.float32))
    found = solve_sparse(train, None, kind=get_task_kind(kind))
    answers = found.logits(train.terms) > (0 if kind == "multi_label" else 0.5)
    assert (answers == wanted).mean() > 0.95


def test_the_table_has_the_kernel_first_and_then_directions():
    train = texts([0, 1] * 30)
    found = solve_sparse(train, None, kind=CLASSES)
    table = found.table(train.terms, width=6)
    used = found.design.used
    np.testing.assert_allclose(table[used, :2], found.kernel, rtol=1e-6)
    assert table[np.setdiff1d(np.arange(1_024), used)].any() == 0
    products = table[used, 2:].T @ table[used, 2:]
    np.testing.assert_allclose(products, np.eye(4) * products[0, 0], atol=1e-4 * products[0, 0])
    assert found.table(train.terms, width=2).shape == (1_024, 2)
