"""Commands and their output in a README: ``$ python -m examples.bank …`` in a block of the language ``console``.

``python -m tests.systems.readme README…`` writes the output anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

FENCE, LANGUAGE, PROMPT = "```", "console", "$ "
PYTHON = ["python", "-m"]


def shown(text: str) -> Iterator[str]:
    """The lines of a README with what its commands print today, in one fresh directory for all of them."""
    inside = False
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), wide():
        for line in text.splitlines():
            if line.startswith(FENCE):
                inside = line == FENCE + LANGUAGE
            if inside and line.startswith(PROMPT):
                yield line
                yield from printed(line.removeprefix(PROMPT))
            elif not inside or line.startswith(FENCE):
                yield line


def printed(command: str) -> list[str]:
    """The lines that a command prints to either stream, and its exit code where it is not 0."""
    words = shlex.split(command, comments=True)
    assert words[:2] == PYTHON, f"a README of an example runs python -m: {command}"
    module, arguments = words[2], words[3:]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            code = program(module)(arguments)
        except SystemExit as end:
            code = end.code
    return [*out.getvalue().rstrip("\n").splitlines(), *([f"(exit code {code})"] if code else [])]


def program(module: str) -> Callable[[list[str]], int | None]:
    """The command line of a package, or a script that shows a twin's mistake and takes a URL."""
    found = import_module(module)
    if hasattr(found, "__path__"):
        return cast("Callable[[list[str]], int | None]", import_module(f"{module}.__main__").main)

    def script(arguments: list[str]) -> None:
        found.main(*arguments)

    return script


@contextlib.contextmanager
def wide() -> Iterator[None]:
    """Usage lines break at the same place on every terminal."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text("\n".join(shown(path.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
