"""Messages in the shell's words, ``--size 224`` where Python says ``size=224``; and numbers in words of the shell."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

_CALL = re.compile(r"((?:\bkzoo\.)?\b\w+\([^()]*\))")
"""Python that a message shows, as ``kzoo.Head(hidden=256)``: it stays as it is."""

_COMMANDS = {"kzoo.list_models()": "kzoo list"}
"""Calls that have a command."""

_EXAMPLE = re.compile(r", as in \w+\('[^']*'\)")
"""An example of a call, which a shell does not have."""


def flags_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The options of a command by the name of their argument, as ``{"batch_size": "--batch-size"}``."""
    # argparse has no public list of its options (Python 3.11).
    return {action.dest: action.option_strings[0] for action in parser._actions if action.option_strings}


def in_shell_words(message: str, flags: Mapping[str, str]) -> str:
    """A message of kzoo's, with the options of a command in place of arguments.

    Args:
        message: as Python says it.
        flags: see `flags_of`.

    Example:
        >>> in_shell_words("size must be an int: pass size=224.", {"size": "--size"})
        '--size must be an int: pass --size 224.'
    """
    for call, command in _COMMANDS.items():
        message = message.replace(call, command)
    if not flags:
        return message
    names = "|".join(map(re.escape, flags))
    given = re.compile(rf"(?<![\w.'\"-])({names})=(True\b|None\b)?")
    leading = re.compile(rf"^({names})(?= (?:must|needs|is|has|takes)\b)")

    def written(match: re.Match[str]) -> str:
        value = {"True": "", "None": " none"}.get(match[2] or "", " ")
        return flags[match[1]] + value

    parts = _CALL.split(_EXAMPLE.sub("", message))
    parts[::2] = [given.sub(written, part) for part in parts[::2]]
    return leading.sub(lambda match: flags[match[1]], "".join(parts))


def number_of(text: str) -> int | float | None:
    """The number that a word is, an int where it can be; None where it is none.

    Example:
        >>> number_of("4"), number_of("0.5"), number_of("four")
        (4, 0.5, None)
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
