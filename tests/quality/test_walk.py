"""How far one struck Call walks through the source, counted, and compared with what ARCHITECTURE.md says of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

import acidity
from acidity import prove
from acidity.prove import Scenario

SOURCE = Path(acidity.__file__).parent
ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
CHANGES_MAX = 20
ENTRANCE = ("adapters/sqlalchemy/calls.py", "execute")  # what the dialect's do_execute is wrapped in
FAULT = "prove/faults/error_after.py"


def accounts(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INT)"))
    connection.execute(text("INSERT INTO accounts VALUES (1, 100)"))


@contextmanager
def entered() -> Iterator[list[str]]:
    """The files of the functions of acidity that are entered between entering and leaving `ENTRANCE`, in order."""
    files: list[str] = []
    inside: list[FrameType] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(SOURCE):
            return
        file = str(path.relative_to(SOURCE))
        if event == "call" and (inside or (not files and (file, frame.f_code.co_name) == ENTRANCE)):
            inside.append(frame)
            files.append(file)
        elif event == "return" and inside and inside[-1] is frame:
            inside.pop()

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(before)


def walk_of_a_struck_call() -> list[str]:
    """The files, each as often as it is come to."""
    walks: list[list[str]] = []

    def operation(connection: Connection) -> None:
        with entered() as files:
            walks.append(files)
            connection.execute(text("UPDATE accounts SET balance = balance - 1"))
        connection.commit()

    report = prove.drill(Scenario(operation, schema=accounts), faults=["error-after"], remedies=False)
    assert report.verdict == "pass", report
    struck = next(files for files in walks if FAULT in files)
    return [file for file, _ in groupby(struck)]


def walk_in_the_architecture() -> list[str]:
    described = ARCHITECTURE.read_text(encoding="utf-8").partition("## One struck Call")[2]
    block = re.search(r"```\n(.*?)```", described, re.DOTALL)
    assert block is not None
    return [line.split()[0] for line in block[1].splitlines()]


def test_the_walk_is_short_and_as_the_architecture_tells_it() -> None:
    walk = walk_of_a_struck_call()
    assert walk == walk_in_the_architecture()
    assert len(walk) - 1 <= CHANGES_MAX
    assert {ENTRANCE[0], FAULT, "adapters/seam.py"} < set(walk)  # else nothing was counted
