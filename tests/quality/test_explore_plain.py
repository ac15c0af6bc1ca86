"""What explore runs is what a script of plain driver calls runs, and its verdict is that of a legal set of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.engines import new_sandbox
from acidity.prove.explore.every import Chooser, Every
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from tests.quality.plain_callers import (
    METADATA,
    Caller,
    Outcome,
    World,
    by_script,
    is_legal,
    random_callers,
    scenario_of,
)

_FRESH = "DELETE FROM t; DELETE FROM notes; INSERT INTO t (id, v) VALUES (1, 10), (2, 10);"


class Sqlite(World):
    def __init__(self, path: Path) -> None:
        self.path = path
        with sqlite3.connect(path) as connection:
            connection.executescript(
                "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL);"
                "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, who TEXT NOT NULL);"
            )
        connection.close()

    def connect(self) -> Any:
        return sqlite3.connect(self.path, timeout=0)

    def put_back(self) -> None:
        connection = sqlite3.connect(self.path)
        connection.executescript(_FRESH)
        connection.close()

    def rows(self) -> tuple[Any, Any]:
        connection = sqlite3.connect(self.path)
        try:
            return _rows(connection)
        finally:
            connection.close()

    def blocked(self, connection: Any) -> bool:
        raise AssertionError("SQLite lets nobody wait")

    def code(self, error: Exception) -> str:
        return str(getattr(error, "sqlite_errorname", ""))


class Postgresql(World):
    waits_at_server = True

    def __init__(self, sandbox: Any, level: str) -> None:
        self.sandbox, self.level = sandbox, level
        self.admin = sandbox.connect_admin(sandbox.database)

    def connect(self) -> Any:
        connection = self.sandbox.connect_admin(self.sandbox.database)
        connection.autocommit = False
        connection.execute(f"SET default_transaction_isolation = '{self.level}'")
        connection.execute("SET deadlock_timeout = '10s'")
        connection.commit()
        return connection

    def put_back(self) -> None:
        self.admin.execute("TRUNCATE t, notes; INSERT INTO t (id, v) VALUES (1, 10), (2, 10)")

    def rows(self) -> tuple[Any, Any]:
        return _rows(self.admin)

    def blocked(self, connection: Any) -> bool:
        # What pg_stat_activity says of a wait is old until the session has been scheduled.
        asked = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
        ((waits,),) = self.admin.execute(asked, (connection.info.backend_pid,)).fetchall()
        return bool(waits)

    def others_wait(self, connection: Any) -> None:
        with suppress(Exception):
            connection.execute("SET LOCAL deadlock_timeout = '1ms'")

    def code(self, error: Exception) -> str:
        return str(getattr(error, "sqlstate", ""))


class Mariadb(World):
    waits_at_server = True

    def __init__(self, sandbox: Any, level: str) -> None:
        self.sandbox, self.level = sandbox, level
        self.admin = sandbox.connect_admin(sandbox.database)

    def connect(self) -> Any:
        connection = self.sandbox.connect_admin(self.sandbox.database)
        connection.autocommit(False)
        _asked(connection, f"SET SESSION TRANSACTION ISOLATION LEVEL {self.level}")
        connection.commit()
        return connection

    def put_back(self) -> None:
        for sql in ("TRUNCATE t", "TRUNCATE notes", "INSERT INTO t (id, v) VALUES (1, 10), (2, 10)"):
            _asked(self.admin, sql)
        self.admin.commit()

    def rows(self) -> tuple[Any, Any]:
        found = sorted(_asked(self.admin, "SELECT id, v FROM t"))
        notes = sorted(who for (who,) in _asked(self.admin, "SELECT who FROM notes"))
        self.admin.commit()
        return found, notes

    def blocked(self, connection: Any) -> bool:
        """The lock itself is in InnoDB's monitor; everything else that it says of waiting is old at times."""
        ((_, _, status),) = _asked(self.admin, "SHOW ENGINE INNODB STATUS")
        mine = [
            part for part in status.split("---TRANSACTION ") if f"MariaDB thread id {connection.thread_id()}," in part
        ]
        return any("TRX HAS BEEN WAITING" in part for part in mine)

    def others_wait(self, connection: Any) -> None:
        """InnoDB looks for a cycle at once."""

    def code(self, error: Exception) -> str:
        return str(error.args[0])


def _asked(connection: Any, sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _rows(connection: Any) -> tuple[Any, Any]:
    notes = sorted(who for (who,) in connection.execute("SELECT who FROM notes").fetchall())
    return sorted(connection.execute("SELECT id, v FROM t").fetchall()), notes


@contextmanager
def world(db: str, level: str, where: Path) -> Iterator[World]:
    if db == "sqlite":
        yield Sqlite(where / "plain.db")
        return
    sandbox = new_sandbox(db, {})
    try:
        sandbox.create(METADATA.create_all, None)
        plain = (Mariadb if db.startswith("mariadb") else Postgresql)(sandbox, level)
        try:
            yield plain
        finally:
            plain.admin.close()
    finally:
        sandbox.close()


def outcome_of(played: Played) -> Outcome:
    """In the form of a script's."""
    rows = [tuple(row) for row in played.state.tables["t"].rows]
    notes = sorted(row[1] for row in played.state.tables["notes"].rows)
    endings = []
    for name, ending in sorted(played.endings.items()):
        codes = [event.reply.code for event in played.of(name) if event.reply.status != "ok"]
        endings.append(("failed", codes[0]) if ending.exception else ("ok", tuple(ending.answer)))
    return (rows, notes, *endings)


def every_run(db: str, level: str, callers: tuple[Caller, ...]) -> dict[tuple[str, ...], Outcome]:
    """Every schedule of explore with what came of it."""
    found, every = {}, Every()
    with Stage(scenario_of(callers), db, {}, level or None) as stage, quiet():
        lab = Lab(stage, stage.scenario.operations)
        while (prefix := every.next()) is not None:
            played = lab.run(Chooser(prefix))
            every.seen(prefix, played.trace)
            found[played.trace.grants] = outcome_of(played)
    assert every.covered == 1
    return found


def cells() -> list[Any]:
    few = [pytest.param("sqlite", "", seed) for seed in range(3)]
    slow = [("sqlite", "", seed) for seed in range(3, 60)]
    levels = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
    slow += [("postgresql", level, seed) for level in levels for seed in range(12)]
    slow += [("mariadb", level, seed) for level in ("READ UNCOMMITTED", *levels) for seed in range(12)]
    built = pytest.mark.mysqlclient
    few += [pytest.param("mariadb+mysqldb", "REPEATABLE READ", seed, marks=built) for seed in range(6)]
    return few + [pytest.param(*each, marks=pytest.mark.slow) for each in slow]


@pytest.mark.dear
@pytest.mark.parametrize(("db", "level", "seed"), cells())
def test_plain_calls_in_the_same_order_come_to_the_same(db: str, level: str, seed: int, tmp_path: Path) -> None:
    callers = random_callers(seed)
    found = every_run(db, level, callers)
    with world(db, level, tmp_path) as plain:
        again = {grants: by_script(plain, callers, grants) for grants in found}
        assert again == found, callers
        legal = all(is_legal(plain, callers, outcome) for outcome in again.values())
    report = prove.explore(scenario_of(callers), db=db, isolation_level=level or None)
    if report.verdict == "unknown":  # a count that is the caller's own key in each order of them may be either
        assert all("an answer holds a generated value" in each for each in report.unknowns), (callers, str(report))
        assert legal
    else:
        assert report.verdict == ("pass" if legal else "fail"), (callers, str(report))
