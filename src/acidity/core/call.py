"""What a program asks of its database (`Call`), what came back (`Reply`), and the sequence of both (`History`).

A Call exists *before* the database is asked. A History is the only evidence a verdict may rest on, next to rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Literal


class Kind(StrEnum):
    """What a Call means, however it was sent (a method of the driver or a text such as ``BEGIN``).

    A ping asks for nothing but whether the connection is there.
    """

    BEGIN = "begin"
    STATEMENT = "statement"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ROLLBACK_TO = "rollback-to"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    PREPARE = "prepare"
    PING = "ping"
    EFFECT = "effect"


class Writes(IntEnum):
    """Whether a Call changes rows or schema; what may do so counts as a write, and only a sure one must show."""

    NO = 0
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place in the user's code. Prints as ``file.py:41``.

    Attributes:
        file: as reports print it.
        line: its number.
        function: the function that the line is in.
        source: the text of the line; where it cannot be read, nothing.
    """

    file: str
    line: int
    function: str = ""
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


_OF_PREPARED = re.compile(r"\b(prepared|xa)\b", re.IGNORECASE)  # COMMIT PREPARED 'name', XA COMMIT 'name'


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the database that is about to be made.

    Attributes:
        actor: the letter of the operation that makes it (``A``, ``B``, …).
        index: its number among the Calls of that actor, from 1.
        kind: what it means.
        sql: the text sent; for an effect, the name of the function.
        params: the parameters, as given to the driver.
        site: the innermost line of user code that made it, when one was found.
        many: it is an ``executemany``.
        defaulted: columns of an INSERT or UPDATE whose value a callable default produced.
        connection: which of the operation's connections it goes over, numbered from 1 as they appear.
        autocommit: it is a write outside any transaction, which the database commits by itself, or one that commits
            what is open.
        writes: whether it changes rows or schema, as the speech of its engine has it.
        opaque: it may commit on its way more than its text or its kind say, or more than once.
        path: all lines of user code on the way to it, the innermost first.
        decided: the line of them that decided: the innermost outside methods of objects that hold the connection.
        schema: it changes the schema.
        limited: a time limit of the program runs while it is awaited.
        database: what the scenario calls the database it goes to; empty where there is only one, and for an effect.
    """

    actor: str
    index: int
    kind: Kind
    sql: str = ""
    params: Any = None
    site: Site | None = None
    many: bool = False
    defaulted: frozenset[str] = frozenset()
    connection: int = 0
    autocommit: bool = False
    database: str = ""
    writes: Writes = Writes.NO
    opaque: bool = False
    path: tuple[Site, ...] = field(default=(), compare=False)
    decided: Site | None = field(default=None, compare=False)
    schema: bool = False
    limited: bool = field(default=False, compare=False)

    @property
    def commits(self) -> bool:
        """Whether it asks the database to commit, by its kind or because it commits by itself."""
        return self.kind is Kind.COMMIT or self.autocommit

    @property
    def decides_prepared(self) -> bool:
        """Whether it commits by name what was prepared, here or in another process."""
        return self.kind is Kind.COMMIT and _OF_PREPARED.search(self.sql) is not None

    @property
    def holds_several(self) -> bool:
        """Whether it may stand for several statements, which drivers or the database carry out one after the other."""
        return self.opaque or (self.many and sets_of(self.params) != 1)

    @property
    def label(self) -> str:
        """A short text for people: the first words of the SQL, or the kind in capitals."""
        text = " ".join(self.sql.split()) or self.kind.value.upper()
        return f"{self.database}: {text}" if self.database else text


def sets_of(parameters: Any) -> int:
    """How many sets of parameters an ``executemany`` has; 0 where only using them up would tell."""
    return len(parameters) if isinstance(parameters, Sized) else 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a Call.

    ``unknown`` is the status of a COMMIT that was sent, or was about to be, and brought no answer. Rows and row count
    are kept only for an actor that asks for them; times tell no two Replies apart.

    Attributes:
        status: how it was answered.
        error: class and message of the exception, as they are the same in every run.
        code: the database's own code on it, as `acidity.engines.codes.code_of` reads it.
        rows: what the program has fetched of the answer so far; all of it, where the driver hands over all at once.
        rowcount: how many rows the driver says were found or changed; -1 or None where it does not know.
        began: when the Call was first sent to the database, in seconds of the monotonic clock.
        ended: when the answer was there, in the same seconds.
    """

    status: Literal["ok", "error", "unknown"]
    error: str = ""
    code: str = ""
    rows: Sequence[Any] | None = field(default=None, hash=False)
    rowcount: int | None = None
    began: float = field(default=0.0, compare=False)
    ended: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Event:
    """A Call with its Reply.

    Attributes:
        call: what was asked.
        reply: what came back.
        fault: the name of the fault that struck it, if one did.
        order: its place among the Events of all actors of this process; what ended earlier has the lower number.
    """

    call: Call
    reply: Reply
    fault: str = ""
    order: int = field(default=0, compare=False)


History = tuple[Event, ...]


def unanswered_commit(history: Iterable[Event]) -> bool:
    """Whether some COMMIT of this History was left without an answer."""
    return any(event.call.commits and event.reply.status == "unknown" for event in history)


def commit_left_open(history: Iterable[Event]) -> Event | None:
    """The last COMMIT that was not acknowledged and that nobody rolled back on its connection."""
    failed: dict[int, Event] = {}
    for event in history:
        if event.call.kind is Kind.COMMIT and event.reply.status != "ok":
            failed[event.call.connection] = event
        elif event.call.kind in {Kind.ROLLBACK, Kind.COMMIT}:
            failed.pop(event.call.connection, None)
    return list(failed.values())[-1] if failed else None


def commits_once_struck(history: Sequence[Event]) -> bool:
    """Whether a COMMIT was struck, or sent after something was: who is cancelled meanwhile does not know of it."""
    struck = next((number for number, event in enumerate(history) if event.fault), len(history))
    return any(event.call.commits for event in history[struck:])


def commits_acknowledged(history: Iterable[Event]) -> bool:
    """Whether at least one COMMIT was sent and every one that was sent was acknowledged.

    One that came when the last one had left nothing to commit does not count, as MariaDB's UNLOCK TABLES may be. What
    was prepared is left until it is decided, whatever is committed on its connection meanwhile.
    """
    statuses: list[str] = []
    nothing_left = prepared = False
    for event in history:
        prepared |= event.call.kind is Kind.PREPARE or event.call.decides_prepared
        if not event.call.commits:
            nothing_left &= not event.call.writes
            continue
        if event.call.writes or prepared or not nothing_left:
            statuses.append(event.reply.status)
        nothing_left = event.reply.status == "ok" or (nothing_left and not event.call.writes)
    return bool(statuses) and all(status == "ok" for status in statuses)


def calls(history: Sequence[Event]) -> tuple[Call, ...]:
    """The Calls of a History, in the order they were made."""
    return tuple(event.call for event in history)
