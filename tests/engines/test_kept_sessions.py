"""A session of PostgreSQL goes on into the next run only as good as new: whatever one run did to it, no other finds.

Each program makes two runs as it is right, then one in which it does something to its session, and then one that looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text, update
from sqlalchemy.exc import DBAPIError

from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.engines.postgresql.sandbox import PostgresqlSandbox
from acidity.engines.postgresql.wires import is_plain
from acidity.prove import Operation, Scenario
from acidity.prove.drill.striker import Strike, struck_run
from acidity.prove.faults import FAULTS
from acidity.prove.stage.call import Player
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage
from tests.engines.bank import ALICE, BOB, Account, Base, balances, bank, seed

Does = Callable[["Program", Connection], Any]
SETTING = "SELECT current_setting('app.tenant', true)"


class Program:
    """A payment; once it is told to, it does something beside.

    Attributes:
        does: with its first connection, after it has paid.
        sessions: the server's number of the session of each run.
        found: what it found.
        kept: what it keeps of a run for the next.
    """

    def __init__(self) -> None:
        self.does: Does | None = None
        self.sessions: list[int] = []
        self.found: list[Any] = []
        self.kept: list[Any] = []

    def __call__(self, engine: Engine) -> None:
        with engine.begin() as connection:
            driver: Any = connection.connection.dbapi_connection
            self.sessions.append(driver.info.backend_pid)
            connection.execute(update(Account).where(Account.id == ALICE).values(balance=Account.balance - 10))
            if self.does is not None:
                self.found.append(self.does(self, connection))

    @property
    def goes_on(self) -> bool:
        """Whether the last run had the session of the one before."""
        return self.sessions[-1] == self.sessions[-2]


@contextmanager
def settled(**options: Any) -> Iterator[tuple[Stage, Program]]:
    """Three runs were made, so the next one may have the session of the last."""
    program = Program()
    with Stage(bank(program, **options), "postgresql", {}) as stage:
        for _ in range(3):
            once(stage)
        yield stage, program


def once(stage: Stage, does: Does | None = None) -> Run:
    (operation,) = stage.scenario.operations
    operation.function.does = does
    run = stage.run(operation, PassThrough())
    assert balances(run) == (90, 0)
    return run


def asks(question: str) -> Does:
    return lambda _, connection: connection.exec_driver_sql(question).scalar()


def after(does: Does, then: Does) -> tuple[Any, bool]:
    """What the next run finds, and whether it has the session of this one."""
    with settled() as (stage, program):
        once(stage, does)
        once(stage, then)
        return program.found[-1], program.goes_on


def nothing(_: Program, __: Connection) -> None:
    """It pays, and that is all."""


@pytest.mark.dear
def test_a_run_at_rest_leaves_its_session_to_the_next() -> None:
    assert after(nothing, asks(SETTING)) == (None, True)


def test_the_clean_runs_that_are_compared_have_sessions_of_their_own() -> None:
    with settled() as (_, program):
        assert len(set(program.sessions)) == len(program.sessions)


def test_what_discard_takes_away_is_not_found() -> None:
    """The session goes on, and the number that it was given is not its own any more."""

    def last(program: Program, connection: Connection) -> str:
        with pytest.raises(DBAPIError) as caught, connection.begin_nested():
            connection.exec_driver_sql("SELECT currval('payments_id_seq')")
        return str(caught.value.orig.sqlstate)  # type: ignore[union-attr]  # of psycopg

    numbered = "INSERT INTO payments VALUES (nextval('payments_id_seq') + 100, 1, 1, '')"

    def numbers(_: Program, connection: Connection) -> None:
        connection.exec_driver_sql(numbered)

    found, goes_on = after(numbers, last)
    assert (found, goes_on) == ("55000", True)


@pytest.mark.dear
@pytest.mark.parametrize(
    "statement",
    [
        "SET app.tenant = '5'",
        "SET LOCAL app.tenant = '5'",
        "SELECT set_config('app.tenant', '5', true)",
        "DO $$ BEGIN PERFORM set_config('app.tenant', '5', true); END $$",
    ],
)
@pytest.mark.one_in(2)
def test_a_setting_of_the_programs_own_is_never_there_for_another_run(statement: str) -> None:
    """Not even empty, as it would be after RESET."""
    assert after(lambda _, connection: connection.exec_driver_sql(statement), asks(SETTING)) == (None, False)


def test_the_row_of_chance_begins_anew() -> None:
    seeds, draws = "SELECT setseed(0.5)", "SELECT random()"

    def seeds_and_draws(_: Program, connection: Connection) -> Any:
        connection.exec_driver_sql(seeds)
        return connection.exec_driver_sql(draws).scalar()

    assert after(seeds_and_draws, asks(draws))[1] is False


@pytest.mark.dear
@pytest.mark.parametrize(
    "made",
    [
        "CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT set_config('app.tenant', '5', true) $$",
        "CREATE VIEW who AS SELECT set_config('app.tenant', '5', true) AS name",
        "ALTER TABLE payments ALTER note SET DEFAULT set_config('app.tenant', '5', true)",
    ],
)
def test_a_schema_that_can_set_it_unseen_keeps_no_session(made: str) -> None:
    def schema(connection: Connection) -> None:
        Base.metadata.create_all(connection)
        connection.exec_driver_sql(made)

    with settled(schema=schema) as (stage, program):
        once(stage)
        assert not program.goes_on


def test_an_extension_may_hold_anything() -> None:
    usual, another = ("extension", "plpgsql", "1.0"), ("extension", "citext", "1.6")
    assert (is_plain(frozenset({usual})), is_plain(frozenset({usual, another}))) == (True, False)


def keeps_its_cursor(program: Program, connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    program.kept.append(driver.cursor())


@pytest.mark.dear
def test_a_cursor_that_is_kept_reaches_no_other_run() -> None:
    def uses_it(program: Program, _: Connection) -> str:
        with pytest.raises(Exception, match="closed") as caught:
            program.kept[0].execute("UPDATE accounts SET balance = 0")
        return type(caught.value).__name__

    assert after(keeps_its_cursor, uses_it) == ("OperationalError", False)


@pytest.mark.dear
def test_a_connection_that_is_kept_is_closed() -> None:
    def keeps(program: Program, connection: Connection) -> None:
        program.kept.append(connection.connection.dbapi_connection)

    def uses_it(program: Program, _: Connection) -> tuple[bool, str]:
        with pytest.raises(Exception, match="closed") as caught:
            program.kept[0].cursor()
        return program.kept[0].closed, type(caught.value).__name__

    assert after(keeps, uses_it) == ((True, "OperationalError"), True)


def test_what_the_driver_was_told_is_forgotten() -> None:
    def tells(_: Program, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.prepare_threshold, driver.row_factory = 0, list
        driver.adapters.register_loader("int4", driver.adapters.get_loader(0, 0) or driver.adapters._loaders[0][25])

    def asks_it(_: Program, connection: Connection) -> tuple[Any, Any, Any]:
        driver: Any = connection.connection.dbapi_connection
        threshold, factory = driver.prepare_threshold, driver.row_factory.__name__
        return threshold, factory, connection.execute(text("SELECT 1")).scalar()

    assert after(tells, asks_it)[0] == (5, "tuple_row", 1)


@pytest.mark.dear
def test_a_session_that_has_ended_meanwhile_is_not_met() -> None:
    with settled() as (stage, program):
        sandbox = stage.parts[""]
        assert isinstance(sandbox, PostgresqlSandbox)
        sandbox.end_session(program.sessions[-1])
        sandbox.wait_until_gone(program.sessions[-1])
        once(stage)
        assert not program.goes_on


@pytest.mark.dear
@pytest.mark.parametrize(("fault", "goes_on"), [("error-before", True), ("busy", True), ("interrupt", False)])
def test_a_signal_is_for_one_run_only(fault: str, goes_on: bool) -> None:  # noqa: FBT001 - a parameter of a test
    with settled() as (stage, program):
        struck_run(stage, stage.scenario.operations[0], Strike(FAULTS[fault], 1), PassThrough())
        once(stage)
        assert program.goes_on is goes_on


def uses_two(program: Program, engine: Engine) -> None:
    """Pays over one connection while it holds another; when its own is lost, it tries again over a new one."""
    with engine.connect(), engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == BOB).values(balance=Account.balance))
    try:
        program(engine)
    except DBAPIError:
        program(engine)


def test_a_full_server_lets_nobody_in_on_a_session_that_was_kept() -> None:
    """The run before left two; one of them is not taken, and after the fault it must not be."""
    program, twice = Program(), [True]

    def pays(engine: Engine) -> None:
        if twice[0]:
            uses_two(program, engine)
            return
        try:
            program(engine)
        except DBAPIError:
            program(engine)

    with Stage(bank(pays), "postgresql", {}) as stage:
        (operation,) = stage.scenario.operations
        for _ in range(4):
            stage.run(operation, PassThrough())
        twice[0] = False
        run = struck_run(stage, operation, Strike(FAULTS["too-many-connections"], 1), PassThrough())
    assert (run.struck, run.ending.exception, balances(run)) == (True, "OperationalError", (100, 0))


def test_two_callers_go_on_and_none_after_a_statement_that_is_for_all_sessions_to_come() -> None:
    sessions: list[int] = []
    wanted: list[str | None] = [None]
    both = threading.Barrier(2)

    def pays(engine: Engine, payer: int) -> None:
        with engine.begin() as connection:
            driver: Any = connection.connection.dbapi_connection
            sessions.append(driver.info.backend_pid)
            connection.execute(update(Account).where(Account.id == payer).values(balance=Account.balance - 10))
            if wanted[0] is None:
                both.wait(30)
            else:
                connection.exec_driver_sql(wanted[0])

    operations = Operation(pays, ALICE), Operation(pays, BOB)
    scenario = Scenario(*operations, metadata=Base.metadata, setup=seed)
    with Stage(scenario, "postgresql", {}) as stage:

        def play() -> list[int]:
            sessions.clear()
            stage.play([Player(each, Actor(who, PassThrough())) for each, who in zip(operations, "AB", strict=True)])
            return sorted(sessions)

        play()
        play()
        first = play()
        assert play() == first
        rest = stage._onlooker._rest
        for wanted[0], lets in (("SELECT 1", True), ("SET app.tenant = '5'", False)):
            one, other = (Player(each, Actor(who, PassThrough())) for each, who in zip(operations, "AB", strict=True))
            stage.play([one])
            with acting(other.actor):
                assert rest.lets_go_on([one, other]) is lets


def test_a_session_that_was_dialled_in_another_way_is_not_given() -> None:
    sessions: list[int] = []
    options: dict[str, str] = {}

    def pays(engine: Engine) -> Any:
        with create_engine(engine.url, connect_args=dict(options)).begin() as connection:
            driver: Any = connection.connection.dbapi_connection
            sessions.append(driver.info.backend_pid)
            connection.execute(update(Account).where(Account.id == ALICE).values(balance=Account.balance - 10))
            return connection.exec_driver_sql("SELECT current_setting('application_name')").scalar()

    with Stage(bank(pays), "postgresql", {}) as stage:
        (operation,) = stage.scenario.operations
        for _ in range(3):
            stage.run(operation, PassThrough())
        options["application_name"] = "another"
        answers = [stage.run(operation, PassThrough()).ending.answer for _ in range(2)]
    assert (answers, len(set(sessions))) == (["another"] * 2, 4)


def test_a_session_of_our_own_goes_on_without_its_locks_and_settings() -> None:
    with settled() as (stage, _):
        sandbox = stage.parts[""]
        assert isinstance(sandbox, PostgresqlSandbox)
        beside = sandbox.connect_beside()
        beside.execute("SET lock_timeout = '7s'")
        beside.execute("BEGIN")
        beside.execute("SELECT pg_advisory_lock(1), balance FROM accounts FOR UPDATE")
        once(stage)
        again = sandbox.connect_beside()
        assert again is beside
        assert again.execute("SHOW lock_timeout").fetchall() == [("0",)]
        assert sandbox.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
        sandbox.end(again)
        once(stage)
        assert sandbox.connect_beside() is not again


@pytest.mark.dear
def test_what_was_read_ahead_is_for_one_look_and_for_nothing_that_is_asked_later() -> None:
    with settled() as (stage, _):
        sandbox = stage.parts[""]
        assert isinstance(sandbox, PostgresqlSandbox)
        sandbox.keep(())
        sandbox.settle(())
        sandbox.reset()
        pays = "UPDATE accounts SET balance = balance + 1 WHERE id = 1"

        def seen() -> int:
            return sandbox.look().state.tables["accounts"].rows[0][2]  # type: ignore[no-any-return]

        assert (sandbox.at_rest(()), seen()) == (0, 100)
        sandbox.ask(pays)
        assert seen() == 101
        assert sandbox.at_rest(()) == 0
        sandbox.ask(pays)
        assert seen() == 102
        assert sandbox.at_rest(()) == 0
        sandbox.ask("CREATE TABLE made (id int)")
        assert sandbox.at_rest(()) == 0
        assert "made" in sandbox.look().state.tables
        sandbox.ask("DROP TABLE made")  # psycopg lets every prepared statement be forgotten then
        assert (sandbox.at_rest(()), seen()) == (0, 102)
        sandbox.ask("DROP TABLE accounts CASCADE")
        assert sandbox.at_rest(()) is None
        sandbox.needs_rebuilding()
        sandbox.reset()
        assert (sandbox.at_rest(()), seen()) == (0, 100)
