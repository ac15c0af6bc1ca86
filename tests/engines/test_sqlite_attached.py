"""What a program attaches to a SQLite database, or writes beside it, and what a run then is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity.adapters.seam import PassThrough
from acidity.engines.sqlite.bypass import files_in
from acidity.prove.stage.stage import Stage
from tests.engines.bank import Account, bank, run_once

ATTACH = "ATTACH ':memory:' AS beside"


def attaches(connection: Connection) -> None:
    connection.exec_driver_sql(ATTACH)
    connection.exec_driver_sql("CREATE TABLE beside.notes (id INTEGER)")
    connection.exec_driver_sql("UPDATE accounts SET balance = 1 WHERE id = 1")
    connection.commit()


def attaches_in_a_session(session: Session) -> None:
    session.execute(text(ATTACH))
    session.get_one(Account, 1).balance = 1
    session.commit()


def attaches_by_the_driver(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(ATTACH)
        connection.execute("UPDATE accounts SET balance = 1 WHERE id = 1")
        connection.commit()


def attaches_in_a_script(dbapi_connection: Any) -> None:
    dbapi_connection.executescript(f"UPDATE accounts SET balance = 1 WHERE id = 1; {ATTACH}")


ATTACHES = create_engine("sqlite://")


@event.listens_for(ATTACHES, "connect")
def attach(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.execute(ATTACH)


def attached_when_connecting() -> None:
    with ATTACHES.begin() as connection:
        connection.exec_driver_sql("UPDATE accounts SET balance = 1 WHERE id = 1")


def makes_a_temporary_table(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TEMPORARY TABLE notes (id INTEGER)")
    connection.exec_driver_sql("UPDATE accounts SET balance = 1 WHERE id = 1")
    connection.commit()


class TestAttached:
    @pytest.mark.parametrize(
        ("operation", "options"),
        [
            (attaches, {}),
            (attaches_in_a_session, {}),
            (attaches_by_the_driver, {}),
            (attaches_in_a_script, {}),
            (attached_when_connecting, {"bind": f"{__name__}:ATTACHES"}),
        ],
        ids=lambda each: getattr(each, "__name__", ""),
    )
    def test_a_database_in_memory_makes_the_run_undecided(
        self, operation: Callable[..., Any], options: dict[str, Any]
    ) -> None:
        run = run_once(operation, **options)
        assert not run.ending.exception, run.ending
        assert any("a database in memory was attached" in bypass for bypass in run.bypasses), run.bypasses

    def test_a_temporary_table_does_not(self) -> None:
        run = run_once(makes_a_temporary_table)
        assert (run.ending.exception, run.bypasses) == ("", ())

    def test_it_is_forgotten_with_the_run(self) -> None:
        with Stage(bank(attaches), "sqlite", {}) as stage:
            (once,) = stage.scenario.operations
            assert stage.run(once, PassThrough()).bypasses
            stage.sandbox.reset()
            assert not stage.sandbox.look().beyond


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("ATTACH '/tmp/a.db' AS a", "/tmp/a.db"),
        ("attach database 'it''s.db' as a", "it's.db"),
        ("-- b\nATTACH ':memory:' AS a", ":memory:"),
        ("ATTACH ? AS a", "?"),
        ("VACUUM INTO '/tmp/a.db'", "/tmp/a.db"),
        ("VACUUM main INTO '/tmp/a.db'", "/tmp/a.db"),
        ("VACUUM 'main' INTO '/tmp/a.db'", "/tmp/a.db"),
        ('VACUUM "into" INTO ?', "?"),
        ("SELECT ';'; ATTACH '/tmp/;.db' AS a", "/tmp/;.db"),
        (";ATTACH '/tmp/a.db' AS a", "/tmp/a.db"),
        ("VACUUM", None),
        ("SELECT 'ATTACH'", None),
        ("SELECT '; ATTACH ''a'' AS b'", None),
        ("DETACH a", None),
    ],
)
def test_files_that_a_statement_names(sql: str, named: str | None) -> None:
    assert files_in(sql) == (() if named is None else (named,))
