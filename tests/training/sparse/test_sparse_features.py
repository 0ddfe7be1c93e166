"""Term frequencies of token ids; the rest stands beside the layer, in models/zoo/test_tfidf.py."""

import numpy as np

from kzoo.training.sparse.sparse_features import count_terms, measure_idf


def test_batches_of_other_lengths_are_joined():
    one, other = np.array([[1, 1, 2]]), np.array([[3, 0], [0, 0]])
    found = count_terms([one, other], buckets=4)
    np.testing.assert_allclose(found.toarray(), [[0, 1 + np.log(2), 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(measure_idf(found), [0, *[np.log(4 / 2) + 1] * 3])
    assert count_terms([], buckets=4).shape == (0, 4)
