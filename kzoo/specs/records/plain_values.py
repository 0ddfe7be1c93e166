"""Values that cannot be changed, for records in memory; plain values, for records in JSON; and the way back."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kzoo.specs.checked_json import Check, Fields, many, maybe, text, whole

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def frozen(value: object) -> object:
    """The same value with tuples for lists and read-only mappings for dicts, at all levels.

    Example:
        >>> frozen({"loss": [0.5, 0.25]})
        mappingproxy({'loss': (0.5, 0.25)})
    """
    if isinstance(value, Mapping):
        return MappingProxyType({name: frozen(each) for name, each in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def freeze(record: DataclassInstance) -> None:
    """Freezes the fields of a frozen dataclass, in its ``__post_init__``."""
    for field in dataclasses.fields(record):
        object.__setattr__(record, field.name, frozen(getattr(record, field.name)))


def plain(value: object, *, without_none: Collection[str] = ()) -> Any:
    """The same value with dicts for dataclasses and mappings, and lists for tuples, at all levels.

    Args:
        value: of a record.
        without_none: fields of the outermost dataclass that are left out where they are None.

    Example:
        >>> plain({"losses": (0.5, 0.25)})
        {'losses': [0.5, 0.25]}
    """
    if dataclasses.is_dataclass(value):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        found = {name: each for name, each in found.items() if each is not None or name not in without_none}
        return {name: each.as_plain() if hasattr(each, "as_plain") else plain(each) for name, each in found.items()}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [each.as_plain() if hasattr(each, "as_plain") else plain(each) for each in value]
    return value


def required(record: type[DataclassInstance]) -> tuple[str, ...]:
    """Fields of a dataclass that have no default."""
    missing = dataclasses.MISSING
    return tuple(
        field.name
        for field in dataclasses.fields(record)
        if field.default is missing and field.default_factory is missing
    )


def real(value: object, name: str) -> float:
    """An int or a float; a loss may be infinite, or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number. Got {str(value)[:100]!r}.")
    return value


def by_name(check: Check) -> Check:
    """A dict whose values a check takes."""

    def check_all(value: object, name: str) -> Fields:
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be a dict. Got {str(value)[:100]!r}.")
        return {key: check(each, f"{name}.{key}") for key, each in value.items()}

    return check_all


COUNT: Check = whole(0, 1 << 53)
NAME: Check = text(10_000)
NAMES: Check = many(NAME, most=1_000_000)
COURSE: Check = many(by_name(maybe(real)), most=1_000_000)
"""A dict of logs for each epoch, or each look."""
