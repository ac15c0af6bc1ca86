"""An `Explanation`: the page of one code."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from acidity.core.codes import Code

PROGRAMS = "acidity.explained.programs"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means, shown on a small program.

    Attributes:
        code: which code.
        meaning: what is wrong, in a few sentences.
        program: the module with its Scenarios ``wrong`` and ``mended``, in `PROGRAMS`.
        shown: the functions of it that have the flaw.
        production: what comes of it on a bad day.
        fix: what to do.
        mended: the functions put right.
        near: the codes that are taken for this one, or come with it.
        fault: the failure that shows it; None where it takes several callers at once, or a power cut.
        db: the engine that the program needs.
        literature: where it is defined, for what has a name in the literature.
        prevented: every engine of acidity prevents it at each level, so that the program shows nothing.
    """

    code: Code
    meaning: str
    program: str
    shown: tuple[str, ...]
    production: str
    fix: str
    mended: tuple[str, ...]
    near: tuple[Code, ...]
    fault: str | None = None
    db: str = "sqlite"
    literature: str = ""
    prevented: bool = False

    @property
    def target(self) -> str:
        """The Scenario that has it, as the command line takes it."""
        return f"{PROGRAMS}.{self.program}:wrong"

    @property
    def command(self) -> str:
        """What to type to see it found."""
        db = "" if self.db == "sqlite" else f" --db {self.db}"
        return f"acidity {self.verb} {self.target}{db}"

    @property
    def verb(self) -> str:
        """Which check finds it."""
        if self.fault is not None:
            return "drill"
        return "crash" if self.code.name.startswith("ACI4") else "explore"

    @property
    def shown_by(self) -> str:
        """What brings it to light, without a full stop."""
        if self.prevented:
            return "SQLite, PostgreSQL and MariaDB prevent it at every level, so this passes"
        if self.verb == "crash":
            return "A power cut shows it"
        return "Several callers at once show it" if self.fault is None else f"The fault `{self.fault}` shows it"

    @property
    def source(self) -> str:
        """The functions that have the flaw, as they stand in the program."""
        return functions_of(self.program, self.shown)

    @property
    def mended_source(self) -> str:
        """The functions put right."""
        return functions_of(self.program, self.mended)


def functions_of(program: str, names: Iterable[str]) -> str:
    """Functions of a program as text; the program is read and not imported, which would take SQLAlchemy."""
    text = (Path(__file__).parent / "programs" / f"{program}.py").read_text(encoding="utf-8")
    found = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    return "\n\n\n".join(ast.get_source_segment(text, found[name]) or "" for name in names)
