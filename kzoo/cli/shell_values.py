"""Options of the shell as the values that verbs take."""

from __future__ import annotations

import argparse
from pathlib import Path

import kzoo
from kzoo.specs.task import TASKS, Task


def task_of(options: argparse.Namespace) -> Task:
    """The task that the options of data describe."""
    label = options.label[0] if options.label and len(options.label) == 1 else options.label
    names = ("image", "text", "audio", "row", "groups", "validation", "test", "strict")
    values = {name: getattr(options, name) for name in names}
    return TASKS[options.task.replace("-", "_")](options.data, label=label, seed=options.split_seed, **values)


def columns_of(names: str) -> str | list[str]:
    """The name of a column, or several that commas separate."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    return found[0] if len(found) == 1 else found


def weights_of(options: argparse.Namespace) -> str | None:
    """``--weights``, of which ``none`` is None."""
    return None if options.weights.lower() == "none" else options.weights


def model_of(text: str) -> str | kzoo.Fusion:
    """A model, or a fusion of several.

    Example:
        >>> model_of("mobilenet_v2_035+row_mlp").members
        ('mobilenet_v2_035', 'row_mlp')
        >>> model_of("resnet50")
        'resnet50'
    """
    names = text.split("+")
    # A path may contain a plus sign.
    if len(names) < 2 or not all(names) or Path(text).exists():
        return text
    return kzoo.Fusion(names)
