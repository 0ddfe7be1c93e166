"""Commands that use a model: explain, serve and try; each with its options."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from kzoo.cli.saved_models import load_saved
from kzoo.core.disk_errors import refuse_unwritable
from kzoo.core.storage import atomic_file
from kzoo.serving.rest.server_options import HOST, PORT, ServerOptions

AddCommand = Callable[[str, Callable[[argparse.Namespace], int | None], str], argparse.ArgumentParser]
"""From a name, a function and a description to the parser of a command."""


def add_using(add: AddCommand) -> None:
    """Adds these commands."""
    explaining = add("explain", run_explain, "Show what the predictions of a saved model rest on.")
    explaining.add_argument("saved", help="directory of a saved model")
    explaining.add_argument("inputs", nargs="+", help="paths of images or recordings, or one folder; or texts")
    explaining.add_argument("--label", help="the label to explain; default: of each input the most probable one")
    text = "write a figure there, such as explained.png or .svg (extra viz)"
    explaining.add_argument("--output", metavar="FILE", help=text)

    text = "Serve an exported model with the REST routes of TensorFlow Serving (extra serve)."
    serving = add("serve", run_serve, text)
    serving.add_argument("directory", help="that 'kzoo export' wrote to; its newest version is served")
    serving.add_argument("--host", default=HOST, help="address to listen on; 0.0.0.0: other machines too, no password")
    serving.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0: any that is free")
    serving.add_argument("--name", default="", help="of the model in addresses; default: the directory's")
    serving.add_argument("--max-megabytes", type=float, default=16, metavar="N", help="of a request; default 16")
    text = "answered at the same time, others get status 503; default 64"
    serving.add_argument("--max-requests", type=int, default=64, metavar="N", help=text)

    text = "Open a page on this machine to try a saved or exported model (extra try)."
    trying = add("try", run_try, text)
    trying.add_argument("directory", help="a saved model; or one that 'kzoo export' wrote, which only answers")
    trying.add_argument("--host", default=HOST, help="address to listen on; 0.0.0.0: other machines too, no password")
    trying.add_argument("--port", type=int, help="default: the first that is free from 7860 on")


def run_explain(options: argparse.Namespace) -> None:
    """``kzoo explain``."""
    if options.output is not None:
        refuse_unwritable(options.output)
    inputs = options.inputs[0] if len(options.inputs) == 1 else options.inputs
    found = load_saved(options.saved).explain(inputs, label=options.label)
    if len(found.errors) == len(found):
        raise ValueError(f"No {found.noun} could be read: {dict(found.errors)}")
    if options.output is not None:
        with atomic_file(options.output) as aside:
            found.plot().savefig(aside, bbox_inches="tight", dpi=150)
    if options.json:
        rows = [
            {
                found.noun: each.name,
                "label": each.label,
                "output": None if each.error else float(each.output),
                "strongest": each.strongest,
                "error": each.error,
            }
            for each in found
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print(found)
    if options.output is not None:
        print(f"Written to {options.output}")


def run_serve(options: argparse.Namespace) -> None:
    """``kzoo serve``: until Ctrl-C."""
    from kzoo.serving.rest.server import serve

    if options.max_megabytes <= 0 or options.max_requests < 1:
        raise ValueError("--max-megabytes and --max-requests must be above 0.")
    chosen = ServerOptions(
        host=options.host,
        port=options.port,
        name=options.name,
        most_bytes=round(1e6 * options.max_megabytes),
        most_requests=options.max_requests,
    )
    serve(options.directory, chosen, report=lambda line: print(line, flush=True))


def run_try(options: argparse.Namespace) -> None:
    """``kzoo try``: until Ctrl-C."""
    from kzoo.cli.trial import open_trial
    from kzoo.cli.trial_page import show_page

    show_page(open_trial(options.directory), host=options.host, port=options.port)
