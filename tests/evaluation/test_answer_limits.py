"""Limits: what they say of answers, by hand."""

import numpy as np

from kzoo.evaluation.answer_limits import AnswerLimits, limit_answers
from kzoo.evaluation.novelty import Novelty

OUTPUTS = np.array([[0.75, 0.25], [0.5, 0.5], [np.nan, np.nan]], np.float32)
EMBEDDINGS = np.array([[1, 0], [0, 1], [np.nan, np.nan]], np.float32)
NOVELTY = Novelty(np.array([[1, 0], [0.6, 0.8]], np.float32), 2, 0.3, "validation")


def test_limits_say_what_is_sure_and_what_is_near():
    found = limit_answers(AnswerLimits(0.9, 0.75, "", NOVELTY), OUTPUTS, EMBEDDINGS, kind="classification")
    np.testing.assert_array_equal(found.confidence, np.float32([0.75, 0.5, np.nan]))
    assert found.answered.tolist() == [True, False, False]
    np.testing.assert_allclose(found.distance, [0.4, 1, np.nan], atol=1e-6)
    assert found.unlike_training.tolist() == [True, True, False]
    assert found.take(slice(1, None)).answered.tolist() == [False, False]


def test_what_was_not_asked_for_is_not_said():
    alone = limit_answers(AnswerLimits(0.9, 0.75, "", None), OUTPUTS, EMBEDDINGS, kind="classification")
    assert (alone.distance, alone.unlike_training, alone.take(slice(1)).distance) == (None, None, None)
    values = limit_answers(AnswerLimits(None, None, "", NOVELTY), OUTPUTS, EMBEDDINGS, kind="regression")
    assert (values.confidence, values.answered) == (None, None)
    assert values.unlike_training.tolist() == [True, True, False]


def test_limits_print_themselves():
    shown = str(AnswerLimits(0.97, 0.75, "the validation split", NOVELTY))
    assert shown == (
        "answers where the probability is 0.75 or more, for an accuracy of 97.0% (chosen on the validation split); "
        "inputs are unlike anything in training where the distance is above 0.3 (from validation examples)"
    )
    assert str(AnswerLimits(0.5, 0.0, "x", None)) == "answers always, for an accuracy of 50.0% (chosen on x)"
