"""What a system's command line says to a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

Main = Callable[[Sequence[str]], int]


class Said(NamedTuple):
    """How a command left, and what it printed."""

    code: int
    out: str
    err: str


def said(main: Main, capsys: pytest.CaptureFixture[str], command: str | Sequence[str]) -> Said:
    """One command: its words, or a text of words without quotes."""
    capsys.readouterr()
    try:
        code = main(command.split() if isinstance(command, str) else command)
    except SystemExit as end:  # of argparse
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return Said(code, shown.out, shown.err)


def in_words(main: Main, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """Exit code and text of a command, wherever it was printed."""
    code, out, err = said(main, capsys, command)
    return code, (out + err).strip()


def refused(
    main: Main, capsys: pytest.CaptureFixture[str], command: str | Sequence[str], show: str = "show"
) -> tuple[int, str]:
    """Exit code and words of a command that is wrong, which has written nothing and changed nothing."""
    before = said(main, capsys, show)
    told = said(main, capsys, command)
    assert told.out == ""
    assert "Traceback" not in told.err
    assert said(main, capsys, show) == before
    assert before.code == 0
    return told.code, told.err
