"""Verbosity: whether progress bars and notes are shown."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

_QUIET: ContextVar[bool] = ContextVar("kzoo_quiet", default=False)


def is_quiet() -> bool:
    """Whether progress bars are to be left out, for ``tqdm(disable=...)``."""
    return _QUIET.get()


@contextlib.contextmanager
def verbosity(verbose: object) -> Iterator[None]:
    """Inside the context, 0 hides progress bars and messages of the logger ``kzoo`` below errors; 1 shows them.

    Args:
        verbose: 0 or 1, also as a bool.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(verbose, int) or verbose not in (0, 1):
        raise ValueError(f"verbose must be 0 (silent) or 1 (progress bars and notes). Got {verbose!r}.")
    if verbose:
        yield
        return
    logger, token = logging.getLogger("kzoo"), _QUIET.set(True)

    def is_shown(line: logging.LogRecord) -> bool:
        return line.levelno >= logging.ERROR or not is_quiet()

    # A filter, not a level: the user may have set the level, and other threads may log meanwhile.
    logger.addFilter(is_shown)
    try:
        yield
    finally:
        logger.removeFilter(is_shown)
        _QUIET.reset(token)
