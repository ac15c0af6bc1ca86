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
from acidity.core.report import Card, Report
from tests.systems.manifest import Entry
from tests.systems.mutants import imported_anew, without_foreign_keys

INCONSISTENT = "inconsistent"
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
    """Of few faults, or of few schedules: of all callers at once, or of pairs of operations.

    What is expected to fail with one word only fails here if acidity says another.
    """
    if letters == "AC":
        card = prove.check(entry.scenario, db=db, letters=letters, faults=(*FAULTS, *entry.needs), remedies=False)
        return "fail" if words(card) - {entry.word, INCONSISTENT} else "pass" if entry.A == "fail" else card.verdict
    if letters == "I":
        return prove.explore(entry.scenario, db=db, runs_max=runs_max, isolation_level=entry.level).verdict
    return prove.check(entry.scenario, db=db, letters="I", runs_max=runs_max, isolation_level=entry.level).verdict


def words(card: Card) -> set[str]:
    """What is wrong, in the words of findings."""
    reports = [report for report in card.letters.values() if isinstance(report, Report)]
    return {word for report in reports for each in report.findings if each.severity == "error" for word in each.errors}


def is_refused(entry: Entry, letters: str, db: str, kind: str) -> bool:
    """Whether the engine refuses a write to keep a constraint of this kind, in any run of a target with all of its lines.

    Where it never does, a table without it has the same rows in each of these runs.
    """
    return is_among(kind, refused(entry, letters, db))


def is_among(kind: str, found: frozenset[str]) -> bool:
    """Whether one of these refusals may not be made without a constraint of this kind."""
    return not found.isdisjoint(ALIKE.get(kind, {kind}))


@cache
def refused(entry: Entry, letters: str, db: str) -> frozenset[str]:
    """The kinds of which one is refused."""
    with imported_anew(entry.system, {}), refusals() as found:
        verdict_of(entry, letters, db, RUNS_OF_REFUSALS)
    return frozenset(found)


@cache
def waits_for_foreign_keys(entry: Entry, letters: str, db: str) -> bool:
    """Whether a target fails without all foreign keys of its system: a server locks the row that one names, so others wait
    for it where nothing is refused. SQLite has no such locks."""
    if letters == "AC" or db == "sqlite":
        return False
    with imported_anew(entry.system, without_foreign_keys(entry.system)):
        return verdict_of(entry, letters, db, RUNS_OF_REFUSALS) == "fail"


@contextmanager
def refusals() -> Iterator[set[str]]:
    """The kinds of violations that engines tell meanwhile; all of them where one says it in words that are not known."""
    found: set[str] = set()

    def note(told: ExceptionContext) -> None:
        said = told.original_exception
        if isinstance(told.sqlalchemy_exception, IntegrityError) or said.args[:1] == (CHECK_OF_MARIADB,):
            found.update({kind for kind, words in REFUSALS.items() if words.search(str(said))} or REFUSALS)

    event.listen(Engine, "handle_error", note)
    try:
        yield found
    finally:
        event.remove(Engine, "handle_error", note)
