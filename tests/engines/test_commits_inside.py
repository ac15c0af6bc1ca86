"""One Call that commits more than once is never passed, and one that commits once is not doubted for its looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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
from acidity.prove import Operation
from acidity.prove.drill.classifier import classified
from acidity.prove.drill.commits_inside import CommitsInside
from acidity.prove.stage.stage import Stage
from tests.engines.bank import calls
from tests.engines.committing import (
    DB,
    RIGHT,
    WRONG,
    _maria,
    _pg,
    engine_of,
    maria_call,
    maria_call_autocommitted,
    maria_call_in_a_transaction,
    maria_function,
    pg_call,
    pg_call_commits,
    pg_call_ends_by_committing,
    pg_function,
    pg_psycopg2_many_autocommitted,
    pg_psycopg_many_autocommitted,
    scenario,
    sqlite_many_autocommitted,
    sqlite_many_in_a_transaction,
)
from tests.engines.raw import CREDIT, DEBIT

QUICK = ["error-before", "error-after"]
INSIDE = "the database commits inside this call"


def drilled(function: Callable[..., Any]) -> Any:
    return prove.drill(scenario(function), db=engine_of(function), faults=QUICK, remedies=False)


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
        (maria_engine_creates_a_table_between, "3 writes in 2 commits: unprotected"),
        (maria_engine_switches_autocommit_on, "2 writes in 2 commits: unprotected"),
        (pg_hidden_commit, "2 writes in 2 commits: unprotected"),
        (pg_engine_hidden_commit, "2 writes in 2 commits: unprotected"),
        (maria_hidden_commit, "2 writes in 2 commits: unprotected"),
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
