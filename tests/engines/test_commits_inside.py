"""One Call that commits more than once is never passed, and one that commits once is not doubted for its looks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from acidity import prove
from acidity.adapters.seam import PassThrough
from acidity.core.call import Call, Writes
from acidity.engines.committing import Commits
from acidity.engines.speech import speech_of
from acidity.prove import Operation, Scenario
from acidity.prove.drill.classifier import classified
from acidity.prove.drill.commits_inside import CommitsInside
from acidity.prove.stage.stage import Stage
from tests.engines.bank import Base, bank, calls, seed
from tests.engines.raw import CREDIT, DEBIT

PAID = "INSERT INTO payments (id, account_id, amount, note) VALUES (77, 1, 1, '')"
BOTH = [(-10, 1), (10, 2)]
MANY = "UPDATE accounts SET balance = balance + {} WHERE id = {}"
QUICK = ["error-before", "error-after"]
INSIDE = "the database commits inside this call"
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


def drilled(function: Callable[..., Any]) -> Any:
    return prove.drill(scenario(function), db=engine_of(function), faults=QUICK, remedies=False)


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


def doubted(stage: Stage, function: Callable[..., Any]) -> list[str]:
    """What the first two clean runs of the drill doubt."""
    about = CommitsInside(stage.parts)
    for _ in range(2):
        run = stage.run(Operation(function), about.over(PassThrough()))
        assert run.ending.answered, run.ending
    return about.doubts()


@contextmanager
def commits_elsewhere(server: Any) -> Iterator[None]:
    """Another session commits writes to another database on the same server all the while."""
    import psycopg

    has_begun, has_ended = Event(), Event()

    def commit() -> None:
        where = {"host": server.host, "port": server.port, "user": server.superuser, "password": server.password}
        with psycopg.connect(**where, dbname=server.database, autocommit=True) as connection:
            while not has_ended.is_set():
                connection.execute("SELECT pg_current_xact_id()")
                has_begun.set()

    with ThreadPoolExecutor(1) as pool:
        committing = pool.submit(commit)
        try:
            assert has_begun.wait(10)
            yield
        finally:
            has_ended.set()
        committing.result()


@pytest.mark.parametrize("engine", DB.values())
@pytest.mark.one_in(3)
def test_what_commits_inside_is_doubted_and_nothing_else(engine: str) -> None:
    wrong, right = ([each for each in group if engine_of(each) == engine] for group in (WRONG, RIGHT))
    with Stage(scenario(wrong[0]), engine, {}) as stage, ExitStack() as meanwhile:
        if engine == "postgresql":
            meanwhile.enter_context(commits_elsewhere(stage.parts[""].server))
        found = {each.__name__: doubted(stage, each) for each in (*wrong, *right)}
    assert all(any(why.startswith(INSIDE) for why in found[each.__name__]) for each in wrong), found
    assert not any(found[each.__name__] for each in right), found


class Noted(CommitsInside):
    """What the engine said of the Call, and not only what is made of it."""

    def note(self, call: Call, commits: Commits) -> None:
        self.said = commits


@pytest.mark.dear
def test_postgresql_proves_that_a_call_committed_several_times() -> None:
    """In the second run at the latest, when it counts who wrote."""
    with Stage(scenario(pg_call), "postgresql", {}) as stage:
        about = Noted(stage.parts)
        for function, several in {pg_call_commits: True, pg_call: False, pg_call_ends_by_committing: False}.items():
            for _ in range(2):  # where the first run shows several transactions, the second counts those that wrote
                stage.run(Operation(function), about.over(PassThrough()))
            assert about.said is (Commits.SEVERAL if several else Commits.ONCE), function.__name__


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (sqlite_many_autocommitted, sqlite_many_in_a_transaction),
        (pg_psycopg2_many_autocommitted, pg_psycopg_many_autocommitted),
        (maria_call_autocommitted, maria_call),
    ],
    ids=lambda function: function.__name__,
)
@pytest.mark.one_in(3)
def test_the_wrong_one_is_unknown_and_its_twin_passes(wrong: Callable[..., Any], right: Callable[..., Any]) -> None:
    report = drilled(wrong)
    assert report.verdict == "unknown", report
    assert any(INSIDE in why for why in report.unknowns), report
    report = drilled(right)
    assert report.verdict == "pass", report


def test_a_statement_that_ends_the_transaction_unknown_to_the_speech_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite's speech knows of no implicit commits: the driver's own status tells of the one that took place."""
    monkeypatch.setattr("acidity.adapters.meaning.speech_of", lambda _: speech_of("sqlite"))
    creates = _maria("creates", DEBIT, "CREATE TABLE IF NOT EXISTS notes (id int)", CREDIT, autocommit=False)
    with Stage(scenario(creates), "mariadb", {}) as stage:
        found = doubted(stage, creates)
    assert len(found) == 1
    assert found[0].startswith("the database ended the transaction inside this call, 'CREATE TABLE")


# What was read from the words alone


def maria_engine_creates_a_table_between(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(DEBIT))
        connection.execute(text("CREATE TABLE IF NOT EXISTS notes (id int)"))
        connection.execute(text(CREDIT))


def maria_engine_switches_autocommit_on(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(DEBIT))
        connection.execute(text("SET @x = 1, autocommit = 1"))
        connection.execute(text(CREDIT))


def pg_hidden_commit(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn) as connection:
        connection.execute(DEBIT)
        connection.execute("/* a /* b */ c */ COMMIT")
        connection.execute(CREDIT)


def pg_engine_hidden_commit(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(DEBIT))
        connection.execute(text("/* a /* b */ c */ COMMIT"))
        connection.execute(text(CREDIT))


def maria_hidden_commit(dsn: dict[str, Any]) -> None:
    _maria("hidden_commit", DEBIT, "#x\nCOMMIT", CREDIT, "/*!COMMIT*/", autocommit=False)(dsn)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("function", "classifier"),
    [
        (maria_engine_creates_a_table_between, "3 writes in 2 commits: missing"),
        (maria_engine_switches_autocommit_on, "2 writes in 2 commits: missing"),
        (pg_hidden_commit, "2 writes in 2 commits: missing"),
        (pg_engine_hidden_commit, "2 writes in 2 commits: missing"),
        (maria_hidden_commit, "2 writes in 2 commits: missing"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.one_in(2)
def test_a_commit_that_nobody_asked_for_by_name(function: Callable[..., Any], classifier: str) -> None:
    report = drilled(function)
    assert report.verdict == "fail", report
    assert report.classifier == classifier


@pytest.mark.parametrize(
    ("function", "classifier"),
    [
        (maria_call_in_a_transaction, "1 call in 1 commit: protected"),
        (maria_call_autocommitted, "1 call outside any transaction"),
        (pg_call, "1 call outside any transaction"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_call_is_not_one_write(function: Callable[..., Any], classifier: str) -> None:
    with Stage(scenario(function), engine_of(function), {}) as stage:
        assert classified(stage.run(Operation(function), PassThrough()).history) == classifier


pg_reads = _pg("reads", "SELECT count(*), coalesce(max(balance), 0) FROM accounts")
maria_reads = _maria("reads", "SELECT count(*), ifnull(max(balance), 0) FROM accounts", autocommit=True)
MAY_WRITE = [
    _pg("explained", f"EXPLAIN ANALYZE {DEBIT}"),
    _pg("sequence", "SELECT nextval('payments_id_seq')"),
    pg_function,
    _pg("grants", "GRANT SELECT ON accounts TO PUBLIC"),
    _maria("analyzed", f"ANALYZE {DEBIT}", autocommit=True),
    maria_function,
]


@pytest.mark.dear
@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_what_looks_like_a_read_and_may_write(engine: str) -> None:
    functions = [each for each in MAY_WRITE if engine_of(each) == engine]
    reads = {"postgresql": pg_reads, "mariadb": maria_reads}[engine]
    with Stage(scenario(functions[0]), engine, {}) as stage:
        for function in functions:
            run = stage.run(Operation(function), PassThrough())
            assert calls(run)[0].writes > Writes.NO, function.__name__
            assert classified(run.history) == "1 write: needs no transaction", function.__name__
        assert classified(stage.run(Operation(reads), PassThrough()).history) == "read only"
