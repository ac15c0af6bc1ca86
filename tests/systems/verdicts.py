"""What acidity says of a target, and what the engine refuses meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import IntegrityError

from acidity import prove
from acidity.core.finding import Verdict
from tests.systems.manifest import Entry
from tests.systems.mutants import imported_anew, without_foreign_keys

FAULTS = ("error-after", "answer-lost")
RUNS_MAX, RUNS_OF_REFUSALS = 300, 40  # schedules of each group; a refusal that is missing shows in one of the first
CHECK_OF_MARIADB = 4025  # which PyMySQL tells as an OperationalError
REFUSALS = {  # what the engines say to whom
    "ForeignKey": re.compile("FOREIGN KEY", re.IGNORECASE),
    "CheckConstraint": re.compile("CHECK|CONSTRAINT `.+` failed", re.IGNORECASE),
    "not_null": re.compile("NOT.NULL|cannot be null|default value", re.IGNORECASE),
    "unique": re.compile("UNIQUE|Duplicate entry", re.IGNORECASE),
}
ALIKE = {  # what a mutant of a kind may let pass; a table without its key has no foreign keys that name it
    "ForeignKeyConstraint": {"ForeignKey"},
    "UniqueConstraint": {"unique"},
    "PrimaryKeyConstraint": {"unique", "ForeignKey", "not_null"},
    "primary_key": {"unique", "ForeignKey", "not_null"},
}


def verdict_of(entry: Entry, letters: str, db: str, runs_max: int) -> Verdict:
    """Of few faults, or of few schedules: of all callers at once, or of pairs of operations."""
    if letters == "AC":
        faults = (*FAULTS, *entry.needs)
        return prove.check(entry.scenario, db=db, letters=letters, faults=faults, remedies=False).verdict
    if letters == "I":
        return prove.explore(entry.scenario, db=db, runs_max=runs_max, isolation_level=entry.level).verdict
    return prove.check(entry.scenario, db=db, letters="I", runs_max=runs_max, isolation_level=entry.level).verdict


def is_refused(entry: Entry, letters: str, db: str, kind: str) -> bool:
    """Whether the engine refuses a write to keep a constraint of this kind, in any run of a target with all of its lines.

    Where it never does, a table without it has the same rows in each of these runs.
    """
    return not refused(entry, letters, db).isdisjoint(ALIKE.get(kind, {kind}))


@cache
def refused(entry: Entry, letters: str, db: str) -> frozenset[str]:
    """The kinds of which one is refused; all of them where the engine says it in words that are not known."""
    with imported_anew(entry.system, {}), refusals() as found:
        verdict_of(entry, letters, db, RUNS_OF_REFUSALS)
    return frozenset(kind for said in found for kind in REFUSALS if not _kinds(said) or kind in _kinds(said))


@cache
def waits_for_foreign_keys(entry: Entry, letters: str, db: str) -> bool:
    """Whether a target fails without all foreign keys of its system: a server locks the row that one names, so others wait
    for it where nothing is refused. SQLite has no such locks."""
    if letters == "AC" or db == "sqlite":
        return False
    with imported_anew(entry.system, without_foreign_keys(entry.system)):
        return verdict_of(entry, letters, db, RUNS_OF_REFUSALS) == "fail"


@contextmanager
def refusals() -> Iterator[list[str]]:
    """The violations that engines tell meanwhile."""
    found: list[str] = []

    def note(told: ExceptionContext) -> None:
        said = told.original_exception
        if isinstance(told.sqlalchemy_exception, IntegrityError) or said.args[:1] == (CHECK_OF_MARIADB,):
            found.append(str(said))

    event.listen(Engine, "handle_error", note)
    try:
        yield found
    finally:
        event.remove(Engine, "handle_error", note)


def _kinds(said: str) -> set[str]:
    return {kind for kind, words in REFUSALS.items() if words.search(said)}
