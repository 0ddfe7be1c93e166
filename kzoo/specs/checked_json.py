"""JSON of bounded size and depth from files, and checks of what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

DEPTH = 100
"""Levels of nested lists and dicts in JSON. The deepest of Keras's own models has about 20."""

MEGABYTE = 1 << 20

Fields: TypeAlias = dict[str, Any]
"""Fields of a record by name, each of a type of its own, which a dict cannot tell."""

Check = Callable[[object, str], Any]
"""Takes a value and its name; returns the value, or raises ValueError."""


def read_json(path: str | Path, *, most: int) -> object:
    """The JSON value in a file of at most `most` bytes.

    Raises:
        ValueError: it is larger, nested too deeply, or not valid JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.stat().st_size > most:
        raise ValueError(f"{path.name} must have at most {most:,} bytes. It has {path.stat().st_size:,}.")
    return parse_json(path.read_bytes(), name=path.name)


def parse_json(content: bytes | str, *, name: str) -> object:
    """The value of some JSON whose size has been checked.

    Raises:
        ValueError: it is nested deeper than `DEPTH`, or not valid JSON.
    """
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError(f"{name} must be nested at most {DEPTH} deep. It is nested deeper.") from None
    except ValueError as error:
        raise ValueError(f"{name} is not valid JSON: {error}") from error
    level: list[object] = [value]
    depth = 0
    while level:
        if depth > DEPTH:
            raise ValueError(f"{name} must be nested at most {DEPTH} deep. It is nested deeper.")
        level = [child for each in level for child in _children(each) if isinstance(child, dict | list)]
        depth += 1
    return value


def _children(value: object) -> Collection[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def checked(values: object, checks: Mapping[str, Check], *, name: str, needed: Collection[str] = ()) -> Fields:
    """The fields of a dict, each checked.

    Args:
        values: the content of a file.
        checks: by field; others are refused.
        name: of the dict, for messages.
        needed: fields that must be there.

    Raises:
        ValueError: a field is missing, unknown, of another type or out of bounds.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{name} must be a dict. Got {_short(values)}.")
    if unknown := sorted(set(values) - set(checks)):
        raise ValueError(f"{name} has unknown fields: {', '.join(map(_short, unknown[:5]))}.")
    if missing := sorted(set(needed) - set(values)):
        raise ValueError(f"{name} lacks the fields {', '.join(missing)}.")
    return {field: checks[field](value, f"{name}.{field}") for field, value in values.items()}


def whole(low: int, high: int) -> Check:
    """An int in [low, high]."""

    def check(value: object, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name} must be an int in [{low}, {high}]. Got {_short(value)}.")
        return value

    return check


def number(low: float, high: float) -> Check:
    """A finite float or int in [low, high]."""

    def check(value: object, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"{name} must be a number in [{low}, {high}]. Got {_short(value)}.")
        return value

    return check


def text(most: int) -> Check:
    """A string of at most `most` characters, none of them NUL."""

    def check(value: object, name: str) -> str:
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise ValueError(f"{name} must be a string of at most {most} characters. Got {_short(value)}.")
        return value

    return check


def flag(value: object, name: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false. Got {_short(value)}.")
    return value


def anything(value: object, name: str) -> object:
    """Accepts any value."""
    return value


def record(value: object, name: str) -> Fields:
    """A dict."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a dict. Got {_short(value)}.")
    return value


def one_of(choices: Collection[object]) -> Check:
    """One of some strings or numbers."""

    def check(value: object, name: str) -> object:
        if isinstance(value, dict | list) or value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(map(str, choices))[:300]}. Got {_short(value)}.")
        return value

    return check


def maybe(check: Check) -> Check:
    """None, or what a check takes."""
    return lambda value, name: None if value is None else check(value, name)


def either(*checks: Check) -> Check:
    """Accepts a value that one of several checks accepts."""

    def check(value: object, name: str) -> object:
        reasons = []
        for each in checks:
            try:
                return each(value, name)
            except ValueError as error:
                reasons.append(str(error))
        raise ValueError(" Or: ".join(reasons))

    return check


def many(check: Check, *, most: int) -> Check:
    """A list of at most `most` values that a check takes, as a list."""

    def check_all(value: object, name: str) -> list[object]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise ValueError(f"{name} must be a list of at most {most}. Got {_short(value)}.")
        return [check(each, f"{name}[{place}]") for place, each in enumerate(value)]

    return check_all


def _short(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"an int of {value.bit_length()} bits"
    return repr(value[:100] if isinstance(value, str) else value)
