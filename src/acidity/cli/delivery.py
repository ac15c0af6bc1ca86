"""Bring answers to the terminal or to a file, and say with which exit code to leave."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from acidity.cli.options import Output
from acidity.core.report import exit_code
from acidity.errors import UsageError
from acidity.report import FORMATS
from acidity.report.rerun import Rerun
from acidity.report.text import Delivered, summary

WIDTH_WITHOUT_TERMINAL = 120
# What a terminal without Unicode gets instead.
_ASCII = str.maketrans(
    {"→": "->", "←": "<-", "×": "x", "·": "|", "…": "...", "–": "-", "—": "-", "“": '"', "”": '"', "’": "'"}
    | {"│": "|", "┆": ":", "‹": "<", "›": ">"}
)


def deliver(answers: Sequence[Delivered], output: Output) -> int:
    """Write the answers; the exit code follows from their verdicts."""
    if output.path:
        text = FORMATS[output.format](answers, color=False, width=WIDTH_WITHOUT_TERMINAL, detail=output.detail)
        write_file(output, text)
        click.echo(f"{summary(answers)}; written to {output.file}", err=True)
    else:
        color = wants_color(sys.stdout)
        say(FORMATS[output.format](answers, color=color, width=width_of(sys.stdout), detail=output.detail))
    return 0 if output.exit_zero else exit_code([_judged(answer) for answer in answers])


def check_writable(output: Output) -> None:
    """Say before the work, not after it, that its answer cannot be written.

    Raises:
        UsageError: the folder of the output file does not exist, or may not be written to.
    """
    if output.path is None:
        return
    folder = output.path.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--output-file {output.file}: cannot write into its folder")


def write_file(output: Output, text: str) -> None:
    """Write a whole file, always as UTF-8.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        (output.folder / str(output.file)).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output-file {output.file}: {error.strerror or error}") from None


def say(text: str) -> None:
    """Print to stdout whatever its encoding; a reader that left (``| head``) is no trouble of ours."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, errors="backslashreplace").decode(encoding)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it leaves; give it somewhere to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"the answer cannot be written to the standard output: {error.strerror or error}") from None


def wants_color(stream: TextIO) -> bool:
    """A terminal gets colours unless NO_COLOR says otherwise; FORCE_COLOR gives them to anything."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int:
    """The columns of a terminal; a file or a pipe gets a fixed width, so that its text is the same everywhere."""
    if not stream.isatty():
        return WIDTH_WITHOUT_TERMINAL
    return shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns


def _judged(answer: Delivered) -> Any:
    return answer.run if isinstance(answer, Rerun) else answer
