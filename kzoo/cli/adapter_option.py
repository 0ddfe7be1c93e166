"""The option ``--adapter``: an adapter in each phase of a named schedule."""

from __future__ import annotations

import argparse
from typing import Any

from kzoo.cli.shell_words import number_of
from kzoo.specs.adapters import ADAPTERS, Adapter
from kzoo.specs.recipes import RECIPES
from kzoo.specs.schedule import Schedule


def adapter_argument(text: str) -> Adapter:
    """The adapter that an argument means: a name of `ADAPTERS` in any case, and a value after a colon.

    Example:
        >>> adapter_argument("lora:4")
        LoRA(rank=4)
    """
    names = {name.lower(): name for name in ADAPTERS}
    name, _, value = text.strip().partition(":")
    number: Any = number_of(value)
    if name.lower() not in names or (value and number is None):
        raise argparse.ArgumentTypeError(
            f"adapter must be one of lora:8, serialadapter:8, bitfit or l2sp:0.01. Got {text!r}."
        )
    try:
        return ADAPTERS[names[name.lower()]](*([] if number is None else [number]))
    except TypeError:
        raise argparse.ArgumentTypeError(f"adapter {name!r} takes no value. Got {text!r}.") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def with_adapter(name: str, adapter: Adapter | None) -> str | Schedule:
    """A schedule by name, with an adapter in the phases that can have one; without an adapter its name.

    Raises:
        ValueError: no recipe has that name, or none of its phases can have an adapter.
    """
    if adapter is None:
        return name
    if name not in RECIPES:
        raise ValueError(f"adapter needs a named schedule, as schedule=fine_tune. Got schedule={name}.")
    return RECIPES[name]().with_adapter(adapter)
