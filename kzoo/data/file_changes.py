"""Files that change after they were checked: cached results are known by their content, so this is an error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from kzoo.core.storage import sha256
from kzoo.data.examples import Examples
from kzoo.data.file_column import stamp
from kzoo.data.modalities import MODALITIES

RECENT = 2 * 10**9
"""Nanoseconds. Some file systems store times in whole seconds, so a file that was written this shortly before its check
may change without a new time. Such files are hashed again."""


class ChangedError(ValueError):
    """A file changed after it was checked."""


def verify(examples: Examples, indices: Iterable[int] | None = None) -> None:
    """Checks that the files of checked examples are unchanged: by size, times and inode, else by content.

    Args:
        examples: checked ones, with digests.
        indices: of the examples to check; None for all.

    Raises:
        ChangedError: files changed or are missing.
    """
    ((name, column),) = examples.columns.items()
    if not MODALITIES[name].are_files or column.dtype != object:
        return

    def look(index: int) -> str | None:
        path = column[index]
        known = tuple(examples.stamps[index]) if len(examples.stamps) else None
        try:
            now = stamp(path)
            if known and known[:-1] == now[:-1] and known[-1] - max(known[1:3]) > RECENT:
                return None
            return None if sha256(path) == examples.digests[index] else f"{path} changed"
        except OSError as error:
            return f"{path} cannot be read any more ({error.strerror})"

    places = range(len(column)) if indices is None else map(int, indices)
    with ThreadPoolExecutor() as pool:
        found = [each for each in pool.map(look, [n for n in places if isinstance(column[n], str)]) if each]
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise ChangedError(
            f"{'; '.join(found[:3])}{more}: the data changed after kzoo checked it. Results computed from it were "
            "not kept. Run again when the files are complete."
        )


@contextlib.contextmanager
def reading(examples: Examples) -> Iterator[None]:
    """While the files of checked examples are read.

    Raises:
        ChangedError: files changed or are missing.
    """
    try:
        yield
    except tf.errors.OpError:
        verify(examples)
        raise
    verify(examples)
