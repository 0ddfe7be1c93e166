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


def tasks_of(options: argparse.Namespace) -> Task | kzoo.MultiTask:
    """The task that the options describe, or with ``--target`` the tasks.

    Raises:
        ValueError: there is a ``--label`` or ``--task`` beside ``--target``, or two targets have one name.
    """
    if not options.target:
        if options.weigh:
            raise ValueError("--weigh is for several tasks. Name them with --target, or leave it out.")
        return task_of(options)
    if options.label or options.task != options.parser.get_default("task"):
        raise ValueError("--label and --task describe one task. Leave them out beside --target.")
    tasks: dict[str, Task] = {}
    for name, kind, column in options.target:
        if name in tasks:
            raise ValueError(f"Two targets are named {name!r}. Give each a name of its own.")
        own = argparse.Namespace(**{**vars(options), "label": [column], "task": kind})
        tasks[name] = task_of(own)
    return kzoo.MultiTask(tasks, weights=options.weigh)


def target_argument(text: str) -> tuple[str, str, str]:
    """The name, the kind of task and the column that an argument means.

    Example:
        >>> target_argument("price=regression:usd")
        ('price', 'regression', 'usd')
        >>> target_argument("kind=classification")
        ('kind', 'classification', 'kind')
    """
    name, _, rest = text.partition("=")
    kind, _, column = rest.partition(":")
    if not name or kind.replace("-", "_") not in TASKS:
        raise argparse.ArgumentTypeError(
            f"target must be NAME=KIND:COLUMN, as price=regression:usd, of the kinds {', '.join(TASKS)}. Got {text!r}."
        )
    return name, kind, column or name


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
