"""How far a check is, on stderr: a bar for a person at a terminal, and a line every ten seconds in a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from acidity.cli.leaving import leave_if_told
from acidity.report.secret import safe

Progress = Callable[[int, int, str], None]
REDRAW_S = 0.1
LINE_S = 10.0


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Yield ``progress(done, total, label)``; where nobody watches it writes lines."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn by hand instead of by a thread: a check forks processes that it kills, and threads do not survive a fork.
    with Bar(
        *columns, console=Console(file=sys.stderr), auto_refresh=False, transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task(title, total=None)
        drawn = 0.0

        def progress(done: int, total: int, label: str) -> None:
            nonlocal drawn
            leave_if_told()
            bar.update(task, completed=done, total=total, description=f"{title} {label}".strip())
            if time.monotonic() - drawn >= REDRAW_S:
                drawn = time.monotonic()
                bar.refresh()

        yield progress


def _lines(title: str) -> Progress:
    """A line now and then, for a log that somebody reads while a long check runs."""
    said = time.monotonic()

    def progress(done: int, total: int, label: str) -> None:
        nonlocal said
        leave_if_told()
        if time.monotonic() - said >= LINE_S:
            said = time.monotonic()
            click.echo(f"acidity: {safe(f'{title} {label}'.strip())}: {done} of {total} runs", err=True)

    return progress
