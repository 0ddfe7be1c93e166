"""Ctrl-C and SIGTERM that wait until a step is done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

DELAYED = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], object]


@dataclass
class Interruption:
    """A signal that came and waits.

    Args:
        handlers: what handles each signal otherwise.
        number: of the one that waits; 0: none.
        is_urgent: whether a second one came.
    """

    handlers: dict[int, Handler] = field(default_factory=dict)
    number: int = 0
    is_urgent: bool = False
    _is_handled: bool = False

    def raise_if_any(self) -> None:
        """Handles the signal that waits; Ctrl-C raises KeyboardInterrupt."""
        if self.number:
            number, self.number, self._is_handled = self.number, 0, True
            self.handlers[number](number, None)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Lets the first signal wait, and handles a second one at once."""
        if self.number or self._is_handled:
            self.is_urgent = True
            self.handlers[number](number, frame)
        else:
            self.number = number


@contextlib.contextmanager
def delayed_interruptions() -> Iterator[Interruption]:
    """Within it, Ctrl-C, and SIGTERM where anything handles it, wait for `Interruption.raise_if_any`.

    A second one does not wait. Outside of the main thread, which signals go to, nothing changes.
    """
    waiting = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return
    for number in DELAYED:
        handler = signal.getsignal(number)
        if callable(handler):
            waiting.handlers[number] = handler
    for number in waiting.handlers:
        signal.signal(number, waiting.receive)
    try:
        yield waiting
    finally:
        for number, handler in waiting.handlers.items():
            if signal.getsignal(number) == waiting.receive:
                signal.signal(number, handler)


@contextlib.contextmanager
def exits_on_sigterm() -> Iterator[None]:
    """Within it, SIGTERM raises SystemExit; a second one ends the process at once. In the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, before)
        raise SystemExit(128 + number)

    # None: something else than Python set it.
    before = signal.signal(signal.SIGTERM, end) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
