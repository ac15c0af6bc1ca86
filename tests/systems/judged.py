"""Whether a system's own check turns red without one of its lines.

What counts as red, in the order in which it is asked, until something is:

1. A letter of a target of the manifest that must pass: *fail* (never *unknown*). For A and C those targets come first that
   get to the line, with few faults; for I those that have callers at once, and then each operation beside itself and
   the others, as `acidity check` lets them. For a constraint or a key, of them only those in which the engine refuses a
   write, or, on a server, that fail without any foreign key.
2. The target has no clean run any more: acidity refuses to judge it, with exit code 2. A refusal that is not made any
   more often ends so: ``raises=`` names what the caller has to be told, and something else is raised.
3. The commands of a person: `commands.toml` and the README. The line is needed if one of them prints something else.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import sqlite3
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from acidity.errors import UsageError
from tests.systems.lines import CONSTRAINTS, FOREIGN, KEYS, LOCKS
from tests.systems.manifest import ROOT, Entry
from tests.systems.mutants import SHARED, Mutant, planted
from tests.systems.places import empty_database
from tests.systems.reached import of_function, passing, reached
from tests.systems.readme import FENCE, LANGUAGE, PROMPT, program, wide
from tests.systems.verdicts import (
    RUNS_MAX,
    RUNS_OF_REFUSALS,
    is_among,
    is_refused,
    refusals,
    verdict_of,
    waits_for_foreign_keys,
)

COMMANDS = Path(__file__).parent / "commands.toml"
DB, SHOWN = "--db", ".shown."
LEFT_OUT = ("raise", "rollback")  # nothing stands in for them
WRONG_STAND_IN = ("TypeError", "NameError", "AttributeError", "ImportError", "BoundaryError", "NoTransaction")


def red(mutant: Mutant, db: str) -> str:
    """What turned red without this line on this engine; empty where nothing did."""
    usual, kinds = transcript(mutant.system, db)
    with planted(mutant):
        first, last = asked(mutant, db)
        letters = (said_of(mutant, entry, letter, db) for entry, letter in first if concerns(mutant, entry, letter, db))
        more = (said_of(mutant, entry, letter, db) for entry, letter in last if concerns(mutant, entry, letter, db))
        commands_concern = mutant.kind not in (*CONSTRAINTS, *KEYS) or is_among(mutant.kind, kinds)
        words = _other_words(mutant, db, usual) if commands_concern else ()
        return next(filter(None, chain(letters, words, more)), "")


def asked(mutant: Mutant, db: str) -> tuple[list[tuple[Entry, str]], list[tuple[Entry, str]]]:
    """The targets and letters before and after the commands, those first that are most likely to turn red."""
    found = reached(mutant.system)
    there = [entry for entry in passing(mutant.system, db) if not entry.not_applicable]
    if not Path(mutant.file).name.startswith("aio"):  # coroutines get to the same lines, and are drilled for their own
        there = [entry for entry in there if ".async_" not in entry.module]
    if mutant.file in SHARED:
        there = [entry for entry in there if any(mark.startswith(mutant.file) for mark in found[entry.target])]
    if mutant.function and not mutant.function[0].isupper():
        there = [entry for entry in there if of_function(mutant) in found[entry.target]]
    refusals = mutant.kind == "raise"
    alone = [(entry, "AC") for entry in there if entry.A and (not refusals or str(mutant) in found[entry.target])]
    together = [(entry, "I") for entry in there if entry.I and len(entry.scenario.operations) > 1]
    pairs = [(entry, "pairs") for entry in there if entry.I]
    if mutant.kind in (*LOCKS, "isolation_level"):
        return [*together, *pairs], alone
    if mutant.kind in (*CONSTRAINTS, *KEYS):
        return alone, together
    return alone, [*together, *pairs]


def concerns(mutant: Mutant, entry: Entry, letters: str, db: str) -> bool:
    """Whether a target could be another without a line: not without a constraint that refuses nothing in any run."""
    if mutant.kind not in (*CONSTRAINTS, *KEYS):
        return True
    if is_refused(entry, letters, db, mutant.kind):
        return True
    return mutant.kind in FOREIGN and waits_for_foreign_keys(entry, letters, db)


def _other_words(mutant: Mutant, db: str, usual: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """The first command that prints something else."""
    for (command, said), other in zip(usual, spoken(mutant.system, db), strict=True):
        if other != (command, said):
            by_stand_in = mutant.kind not in LEFT_OUT and other[1].endswith(
                tuple(f"({name})" for name in WRONG_STAND_IN)
            )
            assert not by_stand_in, f"{mutant}: {other}"
            yield f"$ {command}"
            return


def said_of(mutant: Mutant, entry: Entry, letters: str, db: str) -> str:
    """What a target says of the planted mutant where it turns red; empty where it does not.

    Raises:
        UsageError: the stand-in cannot be carried out, which says nothing of the line that is missing.
    """
    try:
        refuses = mutant.kind in ("raise", *CONSTRAINTS, *KEYS)
        verdict = verdict_of(entry, letters, db, RUNS_OF_REFUSALS if refuses else RUNS_MAX)
    except UsageError as error:
        if mutant.kind not in LEFT_OUT and any(name in str(error) for name in WRONG_STAND_IN):
            raise
        return f"{entry.target}: {error}"
    return f"{entry.target}: {letters}" if verdict == "fail" else ""


@cache
def transcript(system: str, db: str) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    """What the shipped commands print, each time; and the kinds of constraints that refuse one of them."""
    with refusals() as found:
        said = tuple(spoken(system, db))
    assert said == tuple(spoken(system, db)), "what prints something else each time says nothing of a line"
    return said, frozenset(found)


def spoken(system: str, db: str) -> Iterator[tuple[str, str]]:
    """Each command and what it prints, in a fresh directory and an empty database for all of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        wide(),
        contextlib.nullcontext() if db == "sqlite" else empty_database(db) as url,
    ):
        for name, script in _of_commands(system).get("databases", {}).items():
            with contextlib.closing(sqlite3.connect(name)) as connection:
                connection.executescript(script)
        main = import_module(f"examples.{system}.__main__").main
        for command, on_servers in commands(system):
            elsewhere = [DB, url] if url is not None and on_servers else []
            module, *arguments = shlex.split(command) if command.startswith(".") else ["", *shlex.split(command)]
            run = program(f"examples.{system}{module}") if module else main
            said = printed(run, [*arguments, *elsewhere])
            assert url is None or url not in said, f"{command} has no --db, or says it"
            yield command, said.replace(str(make_url(url).database), "examples") if url is not None else said


def printed(main: object, arguments: list[str]) -> str:
    """Both streams, the exit code, and the exception that nobody should see."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            code = main(arguments)  # type: ignore[operator]
        except SystemExit as end:
            code = end.code
        except Exception as error:  # whatever it is
            code = type(error).__name__
    return f"{out.getvalue()}({code})"


@cache
def commands(system: str) -> list[tuple[str, bool]]:
    """Those of the README, and then the others; whether each is asked on a server, too, or as it stands on every engine."""
    asked = _of_commands(system)
    alone = set(asked.get("without_db", []))
    readme = ROOT / "examples" / system / "README.md"
    prompt = f"{PROMPT}python -m examples.{system}"
    inside, found = False, []
    for line in readme.read_text(encoding="utf-8").splitlines():
        if line.startswith(FENCE):
            inside = line == FENCE + LANGUAGE
        if inside and line.startswith(prompt) and SHOWN not in line:
            found.append(line.removeprefix(prompt).removeprefix(" "))
    found = [each for each in found if each not in {*alone, *asked.get("left_out", [])}]
    stands = {*alone, *(each for each in found if each.startswith("."))}
    return [(each, each not in stands and DB not in each) for each in (*found, *asked.get("commands", []), *alone)]


def _of_commands(system: str) -> dict[str, Any]:
    said: dict[str, Any] = tomllib.loads(COMMANDS.read_text(encoding="utf-8")).get(system, {})
    return said
