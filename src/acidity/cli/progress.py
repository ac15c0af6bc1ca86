"""How far a check is, on stderr: a bar for a person at a terminal, and a line every ten seconds in a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from acidity.cli.leaving import leave_if_told
from acidity.report.secret import safe

Progress = Callable[[int, int, str], None]
REDRAW_S = 0.1
LINE_S = 10.0


@contextmanager
def progress_bar(title: str, *, of: str = "runs") -> Iterator[Progress]:
    """Yield ``progress(done, total, label)``; where nobody watches it writes lines.

    Args:
        title: of what.
        of: what is counted.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        with Lines(title, of).written() as progress:
            yield progress
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


class Lines:
    """A line every ten seconds, for a log that somebody reads meanwhile; also within a run, which may be a long one.

    It is written by a thread beside the check, to what was stderr when the check began.

    Args:
        title: whose lines they are.
        of: what is counted.
    """

    def __init__(self, title: str, of: str = "runs") -> None:
        self._title = title
        self._of = of
        self._stream = sys.stderr
        self._at: tuple[int, int, str] | None = None
        self._since = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="acidity-progress", daemon=True)

    @contextmanager
    def written(self) -> Iterator[Progress]:
        """Write them as long as this lasts."""
        self._thread.start()
        try:
            yield self._reached
        finally:
            self._over.set()
            self._thread.join()

    def _reached(self, done: int, total: int, label: str) -> None:
        leave_if_told()
        self._at, self._since = (done, total, label), time.monotonic()

    def _write(self) -> None:
        while not self._over.wait(LINE_S):
            with suppress(OSError, ValueError):  # nobody reads it any more
                click.echo(f"acidity: {safe(self.line())}", file=self._stream)

    def line(self) -> str:
        """How far it is, and for how long nothing has ended."""
        waits = time.monotonic() - self._since
        lasting = f", for {waits:.0f} s" if waits >= LINE_S else ""
        if self._at is None:
            return f"{self._title}: no run has ended yet{lasting}"
        done, total, label = self._at
        at_work = "the next one takes its time" if done < total else "judging what they show"
        within = f", {at_work}{lasting}" if lasting else ""
        return f"{f'{self._title} {label}'.strip()}: {done} of {total} {self._of}{within}"
