"""A progress line for long work, shown to people only: nothing on a pipe, and rich is not loaded for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line(
    what: str, total: int | None = None, *, hidden: bool = False
) -> Iterator[Callable[[int], None] | None]:
    """A function to call with how much is done, or None where `hidden` or standard error is not a terminal."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
