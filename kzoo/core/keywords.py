"""Keywords: an unknown argument is told the name that it is near to."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def suggests_names(function: Callable[P, T]) -> Callable[P, T]:
    """The same function, which names the nearest argument where an unknown one is passed."""
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"The arguments are: {', '.join(names)}."
                raise TypeError(f"{function.__name__}() has no argument {name!r}. {hint}")
        return function(*args, **kwargs)

    return checked
