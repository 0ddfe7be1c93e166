"""Silence: no bars and no notes, and only while it lasts."""

import logging

import pytest

from kzoo.core.verbosity import is_quiet, verbosity


def test_zero_hides_bars_and_notes_but_no_errors(caplog):
    log = logging.getLogger("kzoo")
    with verbosity(0):
        assert is_quiet()
        log.warning("a note")
        log.error("an error")
        with verbosity(0):
            pass
        log.warning("a note after an inner block")
    log.warning("after")
    assert [line.message for line in caplog.records] == ["an error", "after"]
    assert not is_quiet()


def test_one_shows_all(caplog):
    with verbosity(1):
        assert not is_quiet()
        logging.getLogger("kzoo").warning("a note")
    assert [line.message for line in caplog.records] == ["a note"]


def test_an_error_inside_ends_the_silence():
    with pytest.raises(KeyError), verbosity(0):
        raise KeyError
    assert not is_quiet()


@pytest.mark.parametrize("verbose", ["0", 2, None, -1])
def test_other_values_are_refused(verbose):
    with pytest.raises(ValueError, match=r"verbose must be 0 \(silent\) or 1"), verbosity(verbose):
        pass
