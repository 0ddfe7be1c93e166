"""Exit codes of the command line, and how it reports errors."""

from __future__ import annotations

import operator
import sys
import traceback
from collections.abc import Mapping

from kzoo.cli.shell_words import in_shell_words

OK, FAILED, USAGE, PARTIAL, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130

EXITS = """\
exit codes:
  0    success
  1    failed: see the message; for 'verify', something is damaged; for 'doctor', something serious was found,
       or with --strict anything
  2    invalid command or option
  3    some inputs failed: see the column 'error'
  70   internal error of kzoo: please report it
  130  interrupted; if training had begun, the best weights so far were kept
"""

EXPECTED = (ValueError, TypeError, OSError, ImportError, ArithmeticError, MemoryError)
"""Errors that a user can fix. All others are internal errors of kzoo."""


def tell(error: Exception, *, command: str, debug: bool, flags: Mapping[str, str]) -> int:
    """Says on standard error what went wrong, with `flags` in place of Python's arguments; returns the exit code."""
    if debug:
        traceback.print_exception(error)
    expected = isinstance(error, EXPECTED) or _is_of(error, "kzoo.serving.saved_model", "ExportError")
    expected |= _is_of(error, "tensorflow", "errors.OpError")
    if expected:
        message = getattr(error, "message", None) or str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            message = f"out of memory{f': {error}' if str(error) else ''}"
        print(f"kzoo {command}: {in_shell_words(message, flags)}", file=sys.stderr)
    else:
        print(f"kzoo {command}: internal error: {type(error).__name__}: {error}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)
    if not expected:
        hint = "" if debug else " with the traceback that --debug shows"
        print(f"This is a bug in kzoo. Please report it{hint}.", file=sys.stderr)
    return FAILED if expected else INTERNAL


def _is_of(error: Exception, module: str, name: str) -> bool:
    """Whether an error is of a class whose module is imported only where it is needed."""
    found = sys.modules.get(module)
    return found is not None and isinstance(error, operator.attrgetter(name)(found))
