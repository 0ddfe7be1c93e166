"""Files that change after they were checked: cached results are known by their content, so this is an error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from kzoo.core.storage import sha256
from kzoo.data.examples import Examples
from kzoo.data.file_column import stamp
from kzoo.data.modalities import MODALITIES

RECENT = 2 * 10**9
"""Nanoseconds. Some file systems store times in whole seconds, so a file that was written this shortly before its check
may change without a new time. Such files are hashed again."""


STAMP = 5
"""Numbers in the stamp of a file."""


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
    modality = MODALITIES[name]
    if not modality.files and (not modality.are_files or column.dtype != object):
        return
    paths_of = modality.files or (lambda value: [value] if isinstance(value, str) else [])

    def look(index: int) -> str | None:
        """The fault of an example's files, None if there is none, or "" where their content must be compared."""
        paths = paths_of(column[index])
        whole = examples.stamps[index] if len(examples.stamps) else ()
        # What is in memory has a stamp of zeros.
        stamps = [part for start in range(0, len(whole), STAMP) if any(part := whole[start : start + STAMP])]
        try:
            if len(stamps) == len(paths) and all(map(_is_unchanged, paths, stamps)):
                return None
            if modality.files:
                return ""
            return None if sha256(paths[0]) == examples.digests[index] else f"{paths[0]} changed"
        except OSError as error:
            return f"{error.filename or paths[0]} cannot be read any more ({error.strerror})"

    places = [n for n in (range(len(column)) if indices is None else map(int, indices)) if paths_of(column[n])]
    with ThreadPoolExecutor() as pool:
        looked = dict(zip(places, pool.map(look, places), strict=True))
    found = [each for each in looked.values() if each]
    if doubtful := [place for place, each in looked.items() if each == ""]:
        # All at once: to open one example takes nearly as long as to open all.
        digests = modality.check(column[doubtful]).digests
        found += [
            f"{' or '.join(paths_of(column[place]))} changed"
            for place, digest in zip(doubtful, digests, strict=True)
            if digest != examples.digests[place]
        ]
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise ChangedError(
            f"{'; '.join(found[:3])}{more}: the data changed after kzoo checked it. Results computed from it were "
            "not kept. Run again when the files are complete."
        )


def _is_unchanged(path: str, known: Sequence[int]) -> bool:
    """Whether a file has the size, times and inode of a stamp that was taken long enough after it was written."""
    return tuple(known[:-1]) == stamp(path)[:-1] and known[-1] - max(known[1:3]) > RECENT


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
