"""Calls that commit more than once, or only look as if they did: wrong programs, and their right twins.

The first word of a name is the engine that it is written for: ``sqlite``, ``pg``, ``maria``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from acidity.prove import Scenario
from tests.engines.bank import Base, bank, seed
from tests.engines.raw import CREDIT, DEBIT

PAID = "INSERT INTO payments (id, account_id, amount, note) VALUES (77, 1, 1, '')"
BOTH = [(-10, 1), (10, 2)]
MANY = "UPDATE accounts SET balance = balance + {} WHERE id = {}"
OF_POSTGRESQL = (
    f"CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$BEGIN {DEBIT}; COMMIT; {CREDIT}; END$$",
    f"CREATE PROCEDURE once() LANGUAGE plpgsql AS $$BEGIN {DEBIT}; {CREDIT}; END$$",
    f"CREATE PROCEDURE ending() LANGUAGE plpgsql AS $$BEGIN {DEBIT}; {CREDIT}; COMMIT; END$$",
    f"CREATE FUNCTION paying() RETURNS int LANGUAGE sql AS '{DEBIT}; {CREDIT}; SELECT 1'",
)
OF_MARIADB = (
    f"CREATE PROCEDURE twice() BEGIN {DEBIT}; {CREDIT}; END",
    f"CREATE PROCEDURE ending() BEGIN {CREDIT}; COMMIT; END",
    f"CREATE PROCEDURE once() BEGIN START TRANSACTION; {DEBIT}; {CREDIT}; COMMIT; END",
    (
        "CREATE PROCEDURE handled() BEGIN DECLARE n int; DECLARE c CURSOR FOR SELECT id FROM accounts;"
        " DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;"
        f" START TRANSACTION; {DEBIT}; {CREDIT}; COMMIT; END"
    ),
    f"CREATE PROCEDURE late() BEGIN START TRANSACTION; COMMIT; {DEBIT}; {CREDIT}; END",
    f"CREATE FUNCTION paying() RETURNS int DETERMINISTIC MODIFIES SQL DATA BEGIN {DEBIT}; {CREDIT}; RETURN 1; END",
)


def with_routines(routines: tuple[str, ...]) -> Callable[[Any], None]:
    def schema(connection: Any) -> None:
        Base.metadata.create_all(connection)
        for routine in routines:
            connection.exec_driver_sql(routine)

    return schema


def scenario(function: Callable[..., Any]) -> Scenario:
    """The bank, with the procedures of the engine that the function is written for."""
    engine = function.__name__.partition("_")[0]
    routines = {"pg": OF_POSTGRESQL, "maria": OF_MARIADB}.get(engine, ())
    return bank(function, schema=with_routines(routines), setup=seed) if routines else bank(function)


DB = {"sqlite": "sqlite", "pg": "postgresql", "maria": "mariadb"}


def engine_of(function: Callable[..., Any]) -> str:
    """The first word of its name says it."""
    return DB[function.__name__.partition("_")[0]]


# SQLite


def sqlite_many_autocommitted(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.executemany(MANY.format("?", "?"), BOTH)


def sqlite_many_in_a_transaction(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.executemany(MANY.format("?", "?"), BOTH)
        connection.commit()


def sqlite_many_of_one(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.executemany(MANY.format("?", "?"), BOTH[:1])


def sqlite_many_of_which_one_matches(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.executemany(MANY.format("?", "?"), [*BOTH[:1], (5, 99)])


def sqlite_engine_many_autocommitted(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(MANY.format("?", "?"), BOTH)


# PostgreSQL


def pg_psycopg2_many_autocommitted(dsn: str) -> None:
    import psycopg2

    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().executemany(MANY.format("%s", "%s"), BOTH)


def pg_psycopg_many_autocommitted(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.cursor().executemany(MANY.format("%s", "%s"), BOTH)  # a pipeline, and so one transaction


def pg_psycopg(text: str) -> Callable[[str], None]:
    def program(dsn: str) -> None:
        import psycopg

        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(text)

    return program


def _pg(name: str, text: str) -> Callable[[str], None]:
    program = pg_psycopg(text)
    program.__name__ = f"pg_{name}"
    return program


pg_call_commits = _pg("call_commits", "CALL twice()")
pg_do_commits = _pg("do_commits", f"DO $$BEGIN {DEBIT}; COMMIT; {CREDIT}; END$$")
pg_two_blocks = _pg("two_blocks", f"BEGIN; {DEBIT}; COMMIT; BEGIN; {CREDIT}; COMMIT")
pg_same_row_twice = _pg("same_row_twice", f"BEGIN; {DEBIT}; COMMIT; BEGIN; {DEBIT}; COMMIT")
pg_new_row_twice = _pg(
    "new_row_twice",
    f"DO $$BEGIN {PAID}; COMMIT; UPDATE payments SET note = 'x' WHERE amount = 1; COMMIT; END$$",
)
pg_only_deleted = _pg("only_deleted", f"DO $$BEGIN {PAID}; COMMIT; DELETE FROM payments; COMMIT; END$$")
pg_emptied = _pg("emptied", f"DO $$BEGIN TRUNCATE payments; COMMIT; {DEBIT}; END$$")
pg_creates = _pg("creates", f"DO $$BEGIN CREATE TABLE more (id int); COMMIT; {DEBIT}; END$$")
pg_leaves_open = _pg("leaves_open", f"BEGIN; {DEBIT}; COMMIT; BEGIN; {CREDIT}")
pg_call = _pg("call", "CALL once()")
pg_call_ends_by_committing = _pg("call_ends_by_committing", "CALL ending()")
pg_commits_and_reads = _pg("commits_and_reads", f"BEGIN; {DEBIT}; {CREDIT}; COMMIT; SELECT 1")
pg_commits_before = _pg(
    "commits_before",
    f"DO $$BEGIN COMMIT; {DEBIT}; BEGIN {CREDIT}; EXCEPTION WHEN division_by_zero THEN NULL; END; END$$",
)
pg_do = _pg("do", f"DO $$BEGIN {DEBIT}; {CREDIT}; END$$")
pg_subtransactions = _pg(
    "subtransactions", f"DO $$BEGIN {DEBIT}; BEGIN {CREDIT}; EXCEPTION WHEN division_by_zero THEN NULL; END; END$$"
)
pg_one_block = _pg("one_block", f"BEGIN; {DEBIT}; {CREDIT}; COMMIT")
pg_one_text = _pg("one_text", f"{DEBIT}; {CREDIT}")
pg_function = _pg("function", "SELECT paying()")


def pg_psycopg2_inserts_and_deletes(dsn: str) -> None:
    import psycopg2

    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().executemany("DELETE FROM payments WHERE id = %s; " + DEBIT, [(1,), (2,)])


async def pg_asyncpg_many(dsn: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        await connection.executemany(MANY.format("$1", "$2"), BOTH)  # a pipeline, too
        await connection.execute("CALL ending()")
    finally:
        await connection.close()


def pg_engine_call_in_a_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CALL once()"))


# MariaDB


def _maria(name: str, *texts: str, autocommit: bool) -> Callable[[dict[str, Any]], None]:
    def program(dsn: dict[str, Any]) -> None:
        import pymysql

        with pymysql.connect(**dsn, autocommit=autocommit) as connection, connection.cursor() as cursor:
            for each in texts:
                cursor.execute(each)
            connection.commit()

    program.__name__ = f"maria_{name}"
    return program


maria_call_autocommitted = _maria("call_autocommitted", "CALL twice()", autocommit=True)
maria_call_commits = _maria("call_commits", DEBIT, "CALL ending()", DEBIT, autocommit=False)
maria_call_begins_late = _maria("call_begins_late", "CALL late()", autocommit=True)
maria_execute_commits = _maria("execute_commits", DEBIT, "EXECUTE IMMEDIATE 'COMMIT'", CREDIT, autocommit=False)
maria_block_commits = _maria("block_commits", f"BEGIN NOT ATOMIC {DEBIT}; COMMIT; {CREDIT}; END", autocommit=False)
maria_block_autocommitted = _maria("block_autocommitted", f"BEGIN NOT ATOMIC {DEBIT}; {CREDIT}; END", autocommit=True)
maria_call_handled = _maria("call_handled", "CALL handled()", autocommit=True)
maria_call = _maria("call", "CALL once()", autocommit=True)
maria_call_in_a_transaction = _maria("call_in_a_transaction", "CALL twice()", autocommit=False)
maria_execute = _maria("execute", DEBIT, f"EXECUTE IMMEDIATE '{CREDIT}'", autocommit=False)
maria_block = _maria("block", f"BEGIN NOT ATOMIC START TRANSACTION; {DEBIT}; {CREDIT}; COMMIT; END", autocommit=True)
maria_function = _maria("function", "SELECT paying()", autocommit=False)


def maria_many_autocommitted(dsn: dict[str, Any]) -> None:
    import pymysql

    with pymysql.connect(**dsn, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(MANY.format("%s", "%s"), BOTH)


def maria_many_rewritten(dsn: dict[str, Any]) -> None:
    """PyMySQL makes one INSERT of many."""
    import pymysql

    with pymysql.connect(**dsn, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO payments (account_id, amount, note) VALUES (%s, %s, %s)", [(1, 1, ""), (2, 2, "")]
        )


WRONG = [
    sqlite_many_autocommitted,
    sqlite_engine_many_autocommitted,
    pg_psycopg2_many_autocommitted,
    pg_call_commits,
    pg_do_commits,
    pg_two_blocks,
    pg_same_row_twice,
    pg_new_row_twice,
    pg_only_deleted,
    pg_emptied,
    pg_creates,
    pg_leaves_open,
    pg_psycopg2_inserts_and_deletes,
    maria_call_autocommitted,
    maria_call_commits,
    maria_call_begins_late,
    maria_execute_commits,
    maria_block_commits,
    maria_block_autocommitted,
    maria_many_autocommitted,
]
RIGHT = [
    sqlite_many_in_a_transaction,
    sqlite_many_of_one,
    sqlite_many_of_which_one_matches,
    pg_psycopg_many_autocommitted,
    pg_call,
    pg_call_ends_by_committing,
    pg_commits_and_reads,
    pg_commits_before,
    pg_asyncpg_many,
    pg_do,
    pg_subtransactions,
    pg_one_block,
    pg_one_text,
    pg_function,
    pg_engine_call_in_a_transaction,
    maria_call,
    maria_call_handled,
    maria_call_in_a_transaction,
    maria_execute,
    maria_block,
    maria_function,
    maria_many_rewritten,
]
