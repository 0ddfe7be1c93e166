# PYTHON_ARGCOMPLETE_OK
"""The command line: ``kzoo list | show | plan | adapt | pretrain | distill | evaluate | predict | ...``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Sequence

from kzoo.cli.exit_codes import INTERRUPTED, OK, USAGE, tell
from kzoo.cli.options import build_parser
from kzoo.cli.shell_words import flags_of
from kzoo.core.tf_import import import_tensorflow


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; None: those of the process.

    Returns:
        The exit code: one of `kzoo.cli.exit_codes.EXITS`; argparse itself exits with 2 where the command is not
        understood.
    """
    parser = build_parser()
    _complete(parser)
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return USAGE
    if not options.debug:
        warnings.simplefilter("ignore", category=UserWarning)
    try:
        if options.command not in ("list", "verify"):
            import_tensorflow()
        return options.run(options) or OK
    except KeyboardInterrupt:
        print(f"kzoo {options.command}: interrupted. No partial files were left", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return tell(error, command=options.command, debug=options.debug, flags=flags_of(options.parser))


def _complete(parser: argparse.ArgumentParser) -> None:
    """Prints completions for a shell that requests them (extra ``completion``), and exits then."""
    if "_ARGCOMPLETE" in os.environ:
        with contextlib.suppress(ImportError):
            import argcomplete  # pyright: ignore[reportMissingImports]

            argcomplete.autocomplete(parser)


if __name__ == "__main__":
    sys.exit(main())
