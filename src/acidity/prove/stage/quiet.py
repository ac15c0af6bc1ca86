"""Hundreds of provoked failures: what they log, warn of and print is kept from the user's screen.

Who asks the user something is at the end of the input: a question that nobody sees is answered by nobody.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import TextIO

# The streams, the warnings and the logging that are silenced are the process's, and so is what is known of them.
_lock = threading.Lock()
_streams: list[tuple[TextIO, TextIO]] = []


@contextmanager
def quiet() -> Iterator[None]:
    """Keep logs, warnings, prints and questions from the user; within another `quiet` it costs next to nothing."""
    with _lock:
        is_outermost = not _streams
        if is_outermost:
            _streams.append((sys.stdout, sys.stderr))
    if not is_outermost:
        yield
        return
    disabled, asked = logging.root.manager.disable, sys.stdin
    sys.stdin = StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            try:
                yield
            finally:
                logging.disable(disabled)
    finally:
        sys.stdin = asked
        _streams.clear()


@contextmanager
def aloud() -> Iterator[None]:
    """What is written here, within `quiet`, is meant for the user: how far a check is."""
    if not _streams:
        yield
        return
    out, err = _streams[0]
    with redirect_stdout(out), redirect_stderr(err):
        yield
