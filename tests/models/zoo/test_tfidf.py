"""TF-IDF as a layer, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from kzoo.models.zoo.tfidf import tfidf_bag
from kzoo.training.sparse.sparse_features import count_terms, design_of

BUCKETS = 20
IDS = np.array([[3, 3, 7, 12, 0], [12, 12, 12, 3, 15], [9, 0, 0, 0, 0], [5, 7, 7, 7, 19]])
ASKED = np.array([[3, 7, 7, 12, 18], [2, 12, 15, 15, 0], [0, 0, 0, 0, 0], [18, 2, 0, 0, 0]])
"""18 and 2 are in no text that idf was learned of."""


def vectors(learned, asked, *, low, high):
    """scikit-learn's TF-IDF of the ids of one block, (N, BUCKETS)."""

    def words(ids):
        return [[str(each) for each in row if max(low, 1) <= each < high] for row in ids]

    vectorizer = TfidfVectorizer(analyzer=lambda row: row, sublinear_tf=True).fit(words(learned))
    found = np.zeros((len(asked), BUCKETS))
    found[:, [int(name) for name in vectorizer.get_feature_names_out()]] = vectorizer.transform(words(asked)).toarray()
    return found


@pytest.mark.parametrize(
    ("blocks", "sides"), [("words", [(0, 10)]), ("pieces", [(10, 20)]), ("words and pieces", [(0, 10), (10, 20)])]
)
def test_the_layer_and_the_matrix_are_tf_idf_times_the_table(blocks, sides):
    design = design_of(count_terms([IDS[:3], IDS[3:]], buckets=BUCKETS), blocks)
    bag = tfidf_bag((5,), buckets=BUCKETS, width=3)
    layer = bag.layers[-1]
    layer.set_weights([layer.embeddings, design.idf])
    wanted = sum(vectors(IDS, ASKED, low=low, high=high) for low, high in sides)
    np.testing.assert_allclose(bag(ASKED), wanted @ np.asarray(layer.embeddings), atol=1e-6)
    features = design(count_terms([ASKED], buckets=BUCKETS))
    np.testing.assert_allclose(features.toarray(), wanted[:, design.used], atol=1e-12)


def test_idf_is_not_trained_and_starts_at_1():
    layer = tfidf_bag((5,), buckets=BUCKETS, width=3).layers[-1]
    assert [weight.name for weight in layer.trainable_weights] == ["embeddings"]
    weights = np.asarray(layer.weights_of(np.array([[4, 4, 6, 11]], np.int32)))
    both = np.array([(1 + np.log(2)), 1])
    np.testing.assert_allclose(
        weights[0], np.array([both[0] / 2, both[0] / 2, 1, np.linalg.norm(both)]) / np.linalg.norm(both), atol=1e-6
    )
