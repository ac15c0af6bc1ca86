"""Scripts of plain driver calls, written from a schedule: the texts and parameters of its Calls, a connection for each.

A script knows nothing of gates, controllers or oracles. It sends what the callers of a run have sent, in the order of its
schedule and each caller in a thread of its own where the database lets wait, by sqlite3, psycopg or PyMySQL alone; and it
notes what was answered, who had to wait, and the committed rows. `differences` holds that against a Finding.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from inspect import signature
from typing import Any, NamedTuple

from acidity.analysis.diff import row_changes
from acidity.analysis.fetched import rows_of
from acidity.core.call import Call, Event, History, Kind
from acidity.core.finding import Finding, RowChange
from acidity.core.outcome import State
from acidity.core.row import was_asked_for
from acidity.core.turn import grants_of
from acidity.engines import new_sandbox
from acidity.prove import Scenario
from acidity.prove.explore.lab import Played as Run

Rows = dict[str, list[dict[str, Any]]]
_CATALOGUES = {"information_schema", "sqlite_schema"}  # what a look has beside the tables
_BUSY = "SQLITE_BUSY"
_STAYS_S = 0.01  # in which a wait that is over has been answered
_NO_CYCLE_S = 0.1  # in which a database has ended a cycle of waits, beside a third caller that does not wait
_PATIENCE_S = 30
_VERBS = {Kind.COMMIT: "commit", Kind.ROLLBACK: "rollback"}


class Answer(NamedTuple):
    """What a driver has answered: an error's code, or rows and how many were found or changed."""

    code: str = ""
    rows: tuple[tuple[Any, ...], ...] | None = None
    rowcount: int | None = None


class Played(NamedTuple):
    """What came of a script.

    Attributes:
        answers: of each Call, by its caller and number.
        waits: how often each caller had to wait.
        before: the committed rows at its begin.
        after: those at its end.
    """

    answers: dict[tuple[str, int], Answer]
    waits: Counter[str]
    before: Rows
    after: Rows


class Place:
    """A database with the rows before, and what a script needs of its driver."""

    lets_wait = True

    def __init__(self, scenario: Scenario, db: str, level: str) -> None:
        self.engine, self.level = db.partition("+")[0], level
        settings = {"journal_mode": level} if self.engine == "sqlite" and level else {}
        self.sandbox: Any = new_sandbox(self.engine, settings)
        metadata = scenario.metadata
        schema = scenario.schema or (None if metadata is None else metadata.create_all)
        assert schema is not None

        def make(engine: Any) -> None:
            with engine.begin() as connection:
                schema(connection)

        self.tables = sorted(set(self.sandbox.create(make, scenario.setup).tables) - _CATALOGUES)

    def connect(self) -> Any:
        """A new connection, of which the driver begins the transactions."""

    def commits_by_itself(self, connection: Any) -> None:
        """The program begins its transactions in SQL, or not at all."""

    def waits(self, connection: Any) -> bool:
        """Whether its statement waits for a lock."""

    def may_close_a_cycle(self, connection: Any) -> None:
        """Somebody waits when its next statement is sent."""

    def code(self, error: Exception) -> str:
        """The database's code."""

    def rows(self) -> Rows:
        """All committed rows."""
        connection = self.connect()
        found: Rows = {}
        try:
            for table in self.tables:
                cursor = connection.cursor()
                cursor.execute(f"SELECT * FROM {table}")
                names = [each[0] for each in cursor.description]
                found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            connection.close()
        return found

    def put_back(self) -> None:
        """The rows before."""
        self.sandbox.reset()

    def cursor(self, connection: Any, sql: str) -> Any:
        """One that reads such a text."""
        del sql
        return connection.cursor()


class _Sqlite(Place):
    lets_wait = False

    def connect(self) -> Any:
        return sqlite3.connect(self.sandbox.dsn(), timeout=0)

    def commits_by_itself(self, connection: Any) -> None:
        connection.isolation_level = None

    def code(self, error: Exception) -> str:
        return str(getattr(error, "sqlite_errorname", ""))


class _Postgresql(Place):
    def connect(self) -> Any:
        connection = self.sandbox.connect_admin(self.sandbox.database)
        if self.level:
            connection.execute(f"SET default_transaction_isolation = '{self.level}'")
        connection.execute(f"SET deadlock_timeout = '{_PATIENCE_S}s'")
        connection.autocommit = False
        return connection

    def commits_by_itself(self, connection: Any) -> None:
        connection.autocommit = True

    def waits(self, connection: Any) -> bool:
        asked = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
        ((waiting,),) = self.sandbox.ask(asked, (connection.info.backend_pid,))
        return bool(waiting)

    def may_close_a_cycle(self, connection: Any) -> None:
        with suppress(Exception):  # its transaction has failed already
            connection.execute(f"SET {'' if connection.autocommit else 'LOCAL '}deadlock_timeout = '1ms'")

    def code(self, error: Exception) -> str:
        return str(getattr(error, "sqlstate", ""))

    def cursor(self, connection: Any, sql: str) -> Any:
        from psycopg import RawCursor

        return RawCursor(connection) if "$1" in sql else connection.cursor()


class _Mariadb(Place):
    def connect(self) -> Any:
        import pymysql
        from pymysql.constants import CLIENT

        found = CLIENT.FOUND_ROWS if self.counts_found else 0
        connection = pymysql.connect(**self.sandbox.dsn(), client_flag=found)
        if self.level:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {self.level}")
        return connection

    counts_found = True

    def commits_by_itself(self, connection: Any) -> None:
        connection.autocommit(True)

    def waits(self, connection: Any) -> bool:
        """The lock itself is in InnoDB's monitor; everything else that it says of waiting is old at times."""
        ((_, _, status),) = self.sandbox.ask("SHOW ENGINE INNODB STATUS")
        its = [part for part in status.split("---TRANSACTION ") if f"thread id {connection.thread_id()}," in part]
        return any("TRX HAS BEEN WAITING" in part for part in its)

    def code(self, error: Exception) -> str:
        return str(error.args[0])


@contextmanager
def place(scenario: Scenario, db: str, level: str) -> Iterator[Place]:
    """A throw-away database of this Scenario at this engine and level, or for SQLite in this journal mode."""
    kind = {"sqlite": _Sqlite, "postgresql": _Postgresql, "mariadb": _Mariadb}[db.partition("+")[0]]
    made = kind(scenario, db, level)
    if isinstance(made, _Mariadb):  # as SQLAlchemy has its connections, and a bare driver has not
        plain = ["dbapi_connection" in signature(each.function).parameters for each in scenario.operations]
        made.counts_found = not any(plain)
    try:
        yield made
    finally:
        made.sandbox.close()


class _Caller:
    """Where one caller of a script stands."""

    def __init__(self, where: Place, calls: Sequence[Call]) -> None:
        self.where, self.calls = where, list(calls)
        self.pool = ThreadPoolExecutor(1) if where.lets_wait else None
        self.connections: dict[int, Any] = {}
        self.flight: Future[Answer] | None = None
        self.refused = False
        self.reads: set[int] = set()
        self.answers: list[Answer] = []

    @property
    def next(self) -> Call | None:
        return self.calls[len(self.answers)] if len(self.answers) < len(self.calls) else None

    def connection(self, call: Call) -> Any:
        if call.connection not in self.connections:
            self.connections[call.connection] = made = self.where.connect()
            its = [each for each in self.calls if each.connection == call.connection]
            begun = self.where.lets_wait and any(each.kind is Kind.BEGIN and each.sql for each in its)
            if begun or any(each.autocommit for each in its):  # sqlite3 itself sees a BEGIN
                self.where.commits_by_itself(made)
        return self.connections[call.connection]

    def go(self) -> None:
        """Send what comes next."""
        call = self.next
        assert call is not None
        connection = self.connection(call)
        if self.pool is not None:
            self.flight = self.pool.submit(self._sent, connection, call)
            return
        answer = self._sent(connection, call)
        # SQLite asks its busy handler only while the connection holds no read lock, and for a COMMIT.
        waits = call.connection not in self.reads or call.kind is Kind.COMMIT
        self.refused = answer.code == _BUSY and waits
        if self.refused:
            return
        if not connection.in_transaction:
            self.reads.discard(call.connection)
        elif call.kind is Kind.STATEMENT and not answer.code:
            self.reads.add(call.connection)
        self._answered(answer)

    def _sent(self, connection: Any, call: Call) -> Answer:
        try:
            if call.kind in _VERBS and not call.sql:
                getattr(connection, _VERBS[call.kind])()
                return Answer()
            if not call.sql:
                assert call.kind is Kind.BEGIN, call  # which the driver does by itself
                return Answer()
            cursor = self.where.cursor(connection, call.sql)
            given = () if call.params is None else (call.params,)
            (cursor.executemany if call.many else cursor.execute)(call.sql, *given)
            rows = tuple(map(tuple, cursor.fetchall())) if cursor.description else None
            return Answer(rows=rows, rowcount=cursor.rowcount)
        except Exception as error:
            return Answer(self.where.code(error) or repr(error))

    def _answered(self, answer: Answer) -> None:
        self.answers.append(answer)
        if self.next is None:
            self.end()

    def landed(self) -> bool:
        """Take the answer of what was sent, if it is there."""
        if self.flight is not None and self.flight.done():
            flight, self.flight = self.flight, None
            self._answered(flight.result())
        return self.flight is None

    def give_up(self) -> None:
        """What was refused is refused for good."""
        self.refused = False
        self._answered(Answer(_BUSY))

    def end(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


def play(where: Place, history: History, grants: Sequence[str]) -> Played:
    """Send the Calls of this History, when the schedule has it, and note what comes of them."""
    before, waits = where.rows(), Counter[str]()
    names = sorted({event.call.actor for event in history} | set(grants))
    callers = {
        name: _Caller(where, sorted((it.call for it in history if it.call.actor == name), key=lambda call: call.index))
        for name in names
    }
    refused: list[_Caller] = []
    try:
        for name in grants:
            caller = callers[name]
            if caller.next is None:  # its last turn had no Call
                continue
            if any(each.flight is not None for each in callers.values()):
                where.may_close_a_cycle(caller.connection(caller.next))
            caller.go()
            _until_still(where, list(callers.values()))
            refused = _try_again(refused, but=caller)
            while refused and all(each in refused for each in callers.values() if each.next is not None):
                refused.pop(0).give_up()  # nobody is left who could go on first
                refused = _try_again(refused)
            waits[name] += caller.flight is not None or caller.refused
        assert all(each.next is None for each in callers.values()), "it never came to its end"
    finally:
        for caller in callers.values():
            if caller.pool is not None:
                caller.pool.shutdown()
            caller.end()
    answers = {
        (name, call.index): answer
        for name, caller in callers.items()
        for call, answer in zip(caller.calls, caller.answers, strict=True)
    }
    return Played(answers, +waits, before, where.rows())


def _try_again(refused: list[_Caller], but: _Caller | None = None) -> list[_Caller]:
    """Those refused as busy, in their order, as long as one gets on; whoever was refused just now is the last."""
    moved = True
    while moved:
        moved = False
        for each in [each for each in refused if each.refused and each is not but]:
            each.go()
            moved = moved or not each.refused
    still = [each for each in refused if each.refused]
    return [*still, but] if but is not None and but.refused and but not in still else still


def _until_still(where: Place, callers: Sequence[_Caller]) -> None:
    """Until everybody has been answered, or waits for one who has not been let go."""
    deadline, since = time.monotonic() + _PATIENCE_S, None
    while time.monotonic() < deadline:
        flying = [each for each in callers if not each.landed()]
        if not flying:
            return
        blocked = all(where.waits(each.connection(each.next)) for each in flying if each.next is not None)
        if not blocked or any(each.flight is None or each.flight.done() for each in flying):
            since = None
        elif len(flying) < sum(each.next is not None for each in callers):  # else the database is about to end a cycle
            since = since or time.monotonic()
            if time.monotonic() - since > (_STAYS_S if len(flying) == 1 else _NO_CYCLE_S):
                return
    raise AssertionError("it never came to rest")


# What a run has said of it


def differences(history: History, changes: Sequence[RowChange], waits: Mapping[str, int], played: Played) -> list[str]:
    """Where a script comes to something else than was said: answers, who waited, committed rows."""
    told = [_unlike(event, played.answers[event.call.actor, event.call.index]) for event in history]
    if dict(waits) != dict(played.waits):
        told.append(f"waits: {dict(played.waits)}, said {dict(waits)}")
    expected = _with(played.before, changes)
    for table, rows in played.after.items():
        found, said = (sorted(repr(sorted(_timeless(row).items())) for row in each) for each in (rows, expected[table]))
        told.append(f"{table}: {found}, said {said}" if found != said else "")
    return [each for each in told if each]


def of_run(run: Run, seed: State, where: Place) -> list[str]:
    """The same of a run that explore has made."""
    where.put_back()
    played = play(where, run.history, run.trace.grants)
    asked = {id(event.call) for turn in run.trace.turns for event in turn.events if event.call is turn.call}
    waits = Counter(turn.actor for turn in run.trace.turns if turn.call is not None and id(turn.call) not in asked)
    return differences(run.history, row_changes(seed, run.state), waits, played)


def of_finding(finding: Finding, where: Place) -> list[str]:
    """The same of a Finding, whose schedule is played here."""
    played = play(where, finding.history, grants_of(finding.schedule))
    waits = Counter(move.actor for move in finding.lanes if move.result.startswith("waits"))
    return differences(finding.history, finding.diff, waits, played)


def _unlike(event: Event, answer: Answer) -> str:
    call, reply = event.call, event.reply
    place = f"{call.actor}{call.index} {call.label[:50]}"
    if answer.code != (reply.code or reply.error):
        return f"{place}: {answer.code or 'ok'}, said {reply.code or reply.error or 'ok'}"
    if reply.status != "ok" or call.kind is not Kind.STATEMENT:
        return ""
    if call.writes and reply.rowcount is not None and reply.rowcount >= 0 and answer.rowcount != reply.rowcount:
        return f"{place}: {answer.rowcount} rows, said {reply.rowcount}"
    if not was_asked_for(reply.rows):
        return ""
    said, found = ([tuple(map(_plain, row)) for row in rows] for rows in (rows_of(event), answer.rows or ()))
    seen = [row[: len(cells)] for row, cells in zip(found, said, strict=False)]
    return "" if said == seen and bool(said) == bool(found) else f"{place}: {found}, said {said}"


def _plain(value: Any) -> Any:
    """What time it is, the database may have written itself."""
    return "a time" if isinstance(value, datetime) else value


def _timeless(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _with(before: Rows, changes: Sequence[RowChange]) -> Rows:
    """The rows after these changes."""
    after = {table: [dict(row) for row in rows] for table, rows in before.items()}
    for change in changes:
        rows, was, is_now = after[change.table], dict(change.before or ()), dict(change.after or ())
        if change.before is None:
            rows.append(is_now)
            continue
        wanted = _timeless({**dict(change.key), **was})
        row = next(row for row in rows if wanted.items() <= _timeless(row).items())
        if change.after is None:
            rows.remove(row)
        else:
            row.update(is_now)
    return after
