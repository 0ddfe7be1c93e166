"""The examples on which candidates are scored, and candidates that fail."""

import pytest

from kzoo.choosing.scored_examples import REASON, Collecting, none_left, reasons_of


def test_errors_of_a_candidate_are_kept_under_its_name():
    failed = {}
    with Collecting(failed, "one", False):
        raise ValueError("first line\nsecond line")
    with Collecting(failed, "two", False):
        raise ValueError("x" * 999)
    assert reasons_of(failed) == [("one", "first line"), ("two", "x" * REASON)]
    assert none_left(failed).startswith("No model can be scored. one: first line. two: xxx")


def test_where_it_is_strict_they_are_raised_with_the_name():
    with pytest.raises(ValueError, match="wrong") as caught, Collecting({}, "one", True):
        raise ValueError("wrong")
    assert caught.value.__notes__ == ["while scoring 'one'"]


def test_ctrl_c_is_no_error_of_a_candidate():
    with pytest.raises(KeyboardInterrupt), Collecting({}, "one", False):
        raise KeyboardInterrupt
