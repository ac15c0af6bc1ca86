"""The table of texts, carried out: whether each one ends the transaction, commits it, or changes rows, as speech says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from acidity.engines import new_sandbox
from acidity.engines.postgresql.speech import FUNCTIONS
from acidity.engines.sqlite.sandbox import SqliteSandbox
from tests.engines.spoken import ROWS, SCHEMA, cases

COMMITTED = {"BEGIN", "COMMIT", "hides a COMMIT", "switches"}  # and every group that begins so
ENDED = COMMITTED - {"BEGIN"} | {"ROLLBACK"}
OF_USERS = "commits what may be a write"  # the server is shared: nobody's rights are touched
LOCKS_THE_SERVER = "BACKUP STAGE START"
# Volatile by declaration, and yet no row is changed by them: clocks, random numbers, locks, settings of the session.
NO_ROWS = """
    clock_timestamp currval gen_random_uuid lastval pg_advisory_lock pg_advisory_lock_shared
    pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock
    pg_advisory_xact_lock_shared pg_blocking_pids pg_relation_size pg_table_size pg_total_relation_size
    pg_database_size pg_sleep pg_sleep_for pg_sleep_until pg_try_advisory_lock pg_try_advisory_lock_shared
    pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared random set_config setseed timeofday
    current_query pg_is_in_recovery
"""


PATIENCE = {"postgresql": "SET lock_timeout = '20ms'", "mariadb": "SET lock_wait_timeout = 1"}


class Asked:
    """One connection that carries texts out, and one that only looks."""

    def __init__(self, engine: str, connection: Any, observer: Any) -> None:
        self.engine = engine
        self.connection = connection
        self.observer = observer

    def send(self, text: str, connection: Any = None) -> list[Any]:
        """Carry a text out; its rows."""
        with closing((connection or self.connection).cursor()) as cursor:
            cursor.execute(text)
            rows = list(cursor.fetchall()) if cursor.description else []
            while self.engine == "mariadb" and cursor.nextset():
                pass
            return rows

    def begin(self, group: str) -> None:
        """A transaction with one write and a savepoint in it."""
        if group == "switches":
            self.send("SET autocommit = 0")
        else:
            self.send("BEGIN")
        self.send("UPDATE t SET v = v + 1 WHERE id = 2")
        self.send("SAVEPOINT held")

    def is_open(self) -> bool:
        """What the driver knows of the transaction; PyMySQL is told too early by CHECK, ANALYZE, OPTIMIZE and REPAIR."""
        if self.engine == "sqlite":
            return bool(self.connection.in_transaction)
        if self.engine == "postgresql":
            return bool(self.connection.info.transaction_status)
        return bool(self.send("SELECT @@in_transaction")[0][0])

    def seen(self, connection: Any) -> Any:
        """The rows, and what the catalogue has of tables."""
        catalogue = {
            "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
            "postgresql": "SELECT relname, relfilenode, relnatts, relhasindex FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace UNION ALL SELECT proname, 0, 0, false FROM pg_proc "
            "WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
            "mariadb": "SELECT 1",
        }
        with suppress(Exception):
            return self.send("SELECT id, v FROM t ORDER BY id", connection), self.send(
                catalogue[self.engine], connection
            )
        return "kept out"  # by a lock of what is not committed

    def end(self) -> None:
        """Back to autocommit, nothing open."""
        if self.engine == "mariadb":
            self.send("UNLOCK TABLES")
        if self.is_open():
            self.send("ROLLBACK")
        if self.engine == "mariadb":
            self.send("SET autocommit = 1")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    with closing(new_sandbox(request.param, {})) as sandbox:
        if isinstance(sandbox, SqliteSandbox):
            connection, observer = (sqlite3.connect(sandbox.path, isolation_level=None) for _ in range(2))
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        else:
            connection, observer = sandbox.connect_beside(), sandbox.connect_beside()
        found = Asked(request.param, connection, observer)
        if request.param != "sqlite":
            found.send(PATIENCE[request.param], observer)
        for text in (*SCHEMA[request.param], ROWS):
            found.send(text)
        yield found
        connection.close()
        observer.close()


def test_every_text_does_what_it_is_said_to_do(asked: Asked) -> None:
    wrong = []
    for group, text in cases(asked.engine):
        if group == OF_USERS or text == LOCKS_THE_SERVER:
            continue
        asked.begin(group)
        outside, inside = asked.seen(asked.observer), asked.seen(asked.connection)
        try:
            asked.send(text)
        except Exception as error:
            wrong.append((text, f"{type(error).__name__}: {error}"))
            asked.end()
            continue
        is_open = asked.is_open()
        if text.startswith("LOCK"):  # nobody else could look
            asked.send("UNLOCK TABLES")
        facts = {
            "open": is_open is (group in ENDED or group.startswith("commits")),
            "committed": (asked.seen(asked.observer) not in (outside, "kept out"))
            is not (group in COMMITTED or group.startswith("commits")),
            "reads": group == "reads" and asked.is_open() and asked.seen(asked.connection) != inside,
            "writes": group == "writes" and asked.seen(asked.connection) == inside,
        }
        wrong += [(text, fact) for fact, differs in facts.items() if differs]
        asked.end()
    assert not wrong


def test_harmless_functions_are_what_postgresql_says_they_are() -> None:
    with closing(new_sandbox("postgresql", {})) as sandbox:
        with closing(sandbox.connect_beside().cursor()) as cursor:
            cursor.execute(
                "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace "
                "AND provolatile = 'v' AND prorettype <> 'trigger'::regtype"
            )
            volatile = {row[0] for row in cursor.fetchall()}
    assert volatile & FUNCTIONS.harmless <= set(NO_ROWS.split())
    assert {
        "nextval",
        "setval",
        "lo_create",
        "lo_unlink",
        "pg_import_system_collations",
    } <= volatile - FUNCTIONS.harmless
