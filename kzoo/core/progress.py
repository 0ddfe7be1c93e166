"""Progress: a bar in a terminal or a notebook; elsewhere, in log files for example, a line for each report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from tqdm.auto import tqdm
from tqdm.notebook import tqdm as notebook_tqdm

from kzoo.core.verbosity import is_quiet

Item = TypeVar("Item")


class ProgressBar:
    """A bar that counts, and shows what was reported last.

    Outside of terminals and notebooks there is no bar, because its carriage returns would fill a log file. Each report
    is a line there.

    Args:
        title: name of the work, such as ``"phase 1 of 2"``.
        unit: name of one item, such as ``"image"``.
        total: number of items; None: unknown.
        initial: number of items that are done already.
        stays: keep the finished bar, with the last report.
        delay: seconds of work before the bar appears.
    """

    def __init__(
        self,
        title: str,
        *,
        unit: str,
        total: int | None = None,
        initial: int = 0,
        stays: bool = False,
        delay: float = 0.0,
    ) -> None:
        self.title, self.delay = title, delay
        self.lines = not (_in_notebook() or sys.stderr.isatty())
        options: dict[str, Any] = {"total": total, "initial": initial, "desc": title, "unit": unit, "leave": stays}
        self.bar = tqdm(**options, delay=delay, disable=is_quiet() or self.lines)

    @property
    def total(self) -> int:
        """How many there are, as far as is known."""
        return int(self.bar.total or 0)

    @total.setter
    def total(self, number: int) -> None:
        self.bar.total = number
        self.bar.refresh()

    def update(self, number: int = 1) -> None:
        """So many more are done."""
        self.bar.update(number)

    def state(self, text: str) -> None:
        """Shows beside the bar what is being done; nothing where there is no bar."""
        # tqdm itself would show the bar here before its delay is over.
        self.bar.set_postfix_str(text, refresh=not self.delay)

    def report(self, text: str) -> None:
        """Shows a result beside the bar, or as a line."""
        if self.lines and not is_quiet():
            print(f"{self.title}: {text}", file=sys.stderr, flush=True)
        else:
            self.bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """The bar is done."""
        self.bar.close()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_WHOLE: ContextVar[ProgressBar | None] = ContextVar("kzoo_whole", default=None)


@contextlib.contextmanager
def one_bar(title: str, *, unit: str) -> Iterator[None]:
    """Inside the context, one bar counts the items of every `track`."""
    with ProgressBar(title, unit=unit, total=0) as progress:
        token = _WHOLE.set(progress)
        try:
            yield
        finally:
            _WHOLE.reset(token)


def track(items: Iterable[Item], title: str, *, unit: str, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar that goes when the last one is done; or counted by the bar of `one_bar`."""
    whole = _WHOLE.get()
    if whole:
        whole.state(title)
        whole.total += total or 0
    with contextlib.nullcontext(whole) if whole else ProgressBar(title, unit=unit, total=total) as progress:
        for item in items:
            yield item
            progress.update()


def _in_notebook() -> bool:
    """Whether `tqdm.auto` draws widgets."""
    return issubclass(tqdm, notebook_tqdm)
