"""The command ``kzoo tune``, with its options."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import kzoo
from kzoo.cli.exit_codes import INTERRUPTED, OK
from kzoo.cli.shell_values import task_of, weights_of

PASSED = ("seconds", "trials", "directory", "size", "resize", "scaling", "class_weight", "strict", "seed")
"""Options that `kzoo.tune` takes as they are."""


def add_tuning(
    add: Callable[[str, Callable[[argparse.Namespace], int | None], str], argparse.ArgumentParser],
    add_task: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Adds the command.

    Args:
        add: from a name, a function and a description to the parser of a command.
        add_task: adds a model and data to one.
    """
    tuning = add("tune", run_tune, "Look for a better recipe than the default one (extra tune).")
    add_task(tuning)
    text = "of the search, the measurement at its end not included; default 300, or none with --trials"
    tuning.add_argument("--seconds", type=float, metavar="N", help=text)
    text = "end after so many trials, the default recipe included"
    tuning.add_argument("--trials", type=int, metavar="N", help=text)
    text = "keep the trials there; the same command goes on after the last one"
    tuning.add_argument("--directory", metavar="DIR", help=text)
    tuning.add_argument("--save", metavar="DIR", help="keep the best model there, for 'kzoo evaluate' and the like")
    tuning.add_argument("--weights", default="auto", help="imagenet, none, or a path")
    tuning.add_argument("--size", type=int, help="of images, pixels; of texts, tokens; of recordings, samples")
    tuning.add_argument("--resize", choices=["crop", "pad", "squash"], help="of images; without it, crop")
    text = "of a .keras file's pixels"
    tuning.add_argument("--scaling", choices=["none", "unit", "tf", "torch", "caffe"], help=text)
    tuning.add_argument("--class-weight", choices=["balanced"], help="weigh classes by inverse frequency")
    tuning.add_argument("--seed", type=int, default=0, help="of the search and of each run")


def run_tune(options: argparse.Namespace) -> int:
    """``kzoo tune``."""
    from kzoo.results.files.saving import refuse_foreign

    # Errors of writing should appear before the search, not after.
    if options.save is not None:
        refuse_foreign(options.save)
    if options.seconds is None and options.trials is None:
        options.seconds = 300.0
    values = {name: getattr(options, name) for name in PASSED}
    tuning = kzoo.tune(task_of(options), options.model, weights=weights_of(options), **values)
    shown = tuning.as_dict()
    if options.save is not None:
        shown["saved"] = str(tuning.adapted.save(options.save))
    print(json.dumps(shown, indent=2, ensure_ascii=False) if options.json else tuning)
    if options.save is not None and not options.json:
        print(f"Saved to {options.save}")
    return INTERRUPTED if tuning.stopped else OK
