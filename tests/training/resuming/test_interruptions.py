"""Ctrl-C and SIGTERM wait for the end of a step; a second one does not."""

import contextlib
import os
import signal
import threading

import pytest

from kzoo.training.resuming.interruptions import delayed_interruptions


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def test_ctrl_c_waits_until_it_may_come():
    with delayed_interruptions() as interruption:
        try:
            send()
        except KeyboardInterrupt:
            pytest.fail("it did not wait")
        assert interruption.number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            interruption.raise_if_any()
        interruption.raise_if_any()


def test_a_second_ctrl_c_does_not_wait():
    with delayed_interruptions():
        send()
        with pytest.raises(KeyboardInterrupt):
            send()


def test_handlers_are_what_they_were_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with contextlib.suppress(ZeroDivisionError), delayed_interruptions():
        assert signal.getsignal(signal.SIGINT) is not before
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_ends_a_process_at_once_unless_something_handles_it():
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with delayed_interruptions():
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    came = []
    signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with delayed_interruptions() as interruption:
            send(signal.SIGTERM)
            assert not came
            interruption.raise_if_any()
            assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_another_thread_changes_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def look():
        with delayed_interruptions() as interruption:
            interruption.raise_if_any()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


def test_what_comes_after_the_first_one_was_handled_does_not_wait():
    with delayed_interruptions() as interruption:
        with contextlib.suppress(KeyboardInterrupt):
            send()
        with pytest.raises(KeyboardInterrupt):
            interruption.raise_if_any()
        with pytest.raises(KeyboardInterrupt):
            send()
        assert interruption.is_urgent
