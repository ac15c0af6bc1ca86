"""The stranger stays away only where he could change nothing: each thing that he could meet or set off brings him back.

Every program here is right in its first runs, in which the stranger is seen to change nothing, and then goes wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool, SingletonThreadPool

from acidity.adapters.seam import Interceptor, PassThrough, PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.prove.stage import onlook
from acidity.prove.stage.rest import Rest
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage
from tests.engines.bank import ALICE, BOB, Account, Base, balances, bank

ENGINES = ("sqlite", "postgresql", "mariadb")


@dataclass
class Program:
    """A transfer, and what it leaves once it has gone wrong.

    Attributes:
        leaves: takes the engine, and keeps in `kept` what shall live on.
        options: of the engine that it makes for itself; None for the one that it is given.
    """

    leaves: Callable[[Program, Engine], None]
    options: dict[str, Any] | None = None
    is_wrong: bool = False
    kept: list[Any] = field(default_factory=list)

    def __call__(self, engine: Engine) -> None:
        if self.options is not None:
            engine = create_engine(engine.url, **self.options)
        pay(engine)
        if self.is_wrong:
            self.leaves(self, engine)


def pay(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=Account.balance - 10))
        connection.execute(update(Account).where(Account.id == BOB).values(balance=Account.balance + 10))


def takes_ten(target: Connection | Session) -> None:
    target.execute(update(Account).where(Account.id == ALICE).values(balance=Account.balance - 10))


def nothing(_: Program, __: Engine) -> None:
    """The right twin of all of them."""


def gives_it_back_open(_: Program, engine: Engine) -> None:
    with engine.connect() as connection:
        takes_ten(connection)


def keeps_a_session(program: Program, engine: Engine) -> None:
    session = Session(engine)
    takes_ten(session)
    program.kept.append(session)


def keeps_a_connection(program: Program, engine: Engine) -> None:
    connection = engine.connect()
    takes_ten(connection)
    connection.commit()
    program.kept.append(connection)


def commits_when_one_is_taken(_: Program, engine: Engine) -> None:
    @event.listens_for(engine, "checkout")
    def deliver(dbapi_connection: Any, *_: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute("UPDATE accounts SET balance = balance - 10 WHERE id = 1")
        cursor.close()
        dbapi_connection.commit()


def commits_before_a_commit(_: Program, engine: Engine) -> None:
    @event.listens_for(engine, "commit")
    def take(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE accounts SET balance = balance - 10 WHERE id = 1")


def keeps_a_thread(program: Program, _: Engine) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, args=(30,), daemon=True)
    thread.start()
    program.kept.append(end)


def makes_a_temporary_table(_: Program, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE scratch (id int)")


def keeps_a_lock(_: Program, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_try_advisory_lock(7)" if engine.name == "postgresql" else "SELECT GET_LOCK('till', 0)"
        ).all()


def may_only_read_from_now_on(_: Program, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT set_config('default_transaction_read_only', 'on', false)").all()


def tells_its_driver_to_only_read(_: Program, engine: Engine) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.read_only = True


TEN_LESS = (80, 10)
IN_PLACE = {"pool_size": 1, "max_overflow": 0}


@contextmanager
def settled(program: Program, db: str, **options: Any) -> Iterator[Stage]:
    """A Stage on which it has made its first runs, right."""
    with Stage(bank(program, **options), db, {}) as stage:
        for _ in range(2):
            once(stage)
        yield stage
        for each in program.kept:
            (each.set if isinstance(each, threading.Event) else each.close)()


def once(stage: Stage, interceptor: Interceptor | None = None) -> Run:
    return stage.run(stage.scenario.operations[0], interceptor or PassThrough())


def gone_wrong(program: Program, db: str, interceptor: Interceptor | None = None) -> Run:
    with settled(program, db) as stage:
        program.is_wrong = True
        return once(stage, interceptor)


class NeverRolledBack(PassThrough):
    """As of a pool that resets nothing."""

    def intercept(self, pending: PendingCall) -> None:
        if pending.call.kind is not Kind.ROLLBACK:
            pending.perform()

    def keeps_open(self, wire: LiveConnection) -> bool:
        del wire
        return True


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each visit of the stranger."""
    seen: list[int] = []
    meet = onlook.meet

    def counting(*arguments: Any, **keywords: Any) -> Any:
        seen.append(1)
        return meet(*arguments, **keywords)

    monkeypatch.setattr(onlook, "meet", counting)
    return seen


@pytest.mark.parametrize("db", ENGINES)
def test_where_all_is_at_rest_he_stays_away(db: str, visits: list[int]) -> None:
    program = Program(nothing)
    with settled(program, db) as stage:
        assert len(visits) == 2
        run = once(stage)
    assert len(visits) == 2
    assert (balances(run), run.first, run.leaks) == ((90, 10), run.second, ())


@pytest.mark.parametrize("db", ENGINES)
def test_an_open_transaction_in_the_pool(db: str) -> None:
    run = gone_wrong(Program(gives_it_back_open), db, NeverRolledBack())
    assert run.leaks
    assert (run.first.tables["accounts"].rows[0][2], balances(run)) == (90, TEN_LESS)


@pytest.mark.parametrize("db", ENGINES)
def test_a_session_that_began_by_itself(db: str) -> None:
    run = gone_wrong(Program(keeps_a_session), db)
    assert run.leaks == ("a session or connection was left open with its transaction",)


@pytest.mark.parametrize("db", ENGINES)
def test_a_connection_that_is_kept(db: str) -> None:
    run = gone_wrong(Program(keeps_a_connection, IN_PLACE), db)
    assert run.stopped == "the pool had no connection left"


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("listens", [commits_when_one_is_taken, commits_before_a_commit])
@pytest.mark.one_in(2)
def test_a_listener_that_writes(listens: Callable[..., None], db: str) -> None:
    run = gone_wrong(Program(listens, {}), db)
    assert (run.first.tables["accounts"].rows[0][2], balances(run)) == (90, TEN_LESS)


def test_a_listener_of_all_pools(visits: list[int]) -> None:
    with settled(Program(nothing), "sqlite") as stage:
        event.listen(Pool, "checkin", hears)
        try:
            once(stage)
        finally:
            event.remove(Pool, "checkin", hears)
    assert len(visits) == 3


def hears(*_: Any, **__: Any) -> None:
    """Who knows what it does."""


def loses_its_connection(program: Program, engine: Engine) -> None:
    for heard in program.kept:
        event.listen(engine, "connect", hears, **heard)
    program.kept.clear()
    with engine.connect() as connection:
        connection.invalidate()


@pytest.mark.parametrize("db", ENGINES)
def test_after_a_lost_connection_nobody_has_to_come(db: str, visits: list[int]) -> None:
    """On a server that is busy, the lost session may still be there when the run is over; then somebody comes, and rightly."""
    for _ in range(3):
        visits.clear()
        assert not gone_wrong(Program(loses_its_connection, {}), db).leaks
        if len(visits) == 2:
            return
    raise AssertionError(f"somebody came each time: {visits}")


@pytest.mark.parametrize("options", [{}, {"once": True}, {"named": True}], ids=str)
def test_a_listener_that_hears_of_the_next_one(options: dict[str, Any], visits: list[int]) -> None:
    gone_wrong(Program(loses_its_connection, {}, kept=[options]), "sqlite")
    assert len(visits) > 2


def test_a_thread_that_goes_on(visits: list[int]) -> None:
    gone_wrong(Program(keeps_a_thread), "sqlite")
    assert len(visits) == 3


@pytest.mark.parametrize("db", ENGINES)
def test_a_temporary_table(db: str) -> None:
    assert "temporary table scratch" in str(gone_wrong(Program(makes_a_temporary_table), db).leaks)


@pytest.mark.parametrize("db", ENGINES[1:])
def test_a_lock_of_the_session(db: str) -> None:
    """PostgreSQL's speech knows this function, so only the server tells."""
    assert "advisory lock" in str(gone_wrong(Program(keeps_a_lock), db).leaks)


@pytest.mark.dear
@pytest.mark.parametrize("leaves", [may_only_read_from_now_on, tells_its_driver_to_only_read])
def test_a_session_that_can_no_longer_write(leaves: Callable[..., None]) -> None:
    assert "read-only transaction" in gone_wrong(Program(leaves), "postgresql").stopped


def test_a_lock_of_somebody_elses_on_the_file() -> None:
    with settled(Program(nothing), "sqlite") as stage:
        part = stage.parts[""]

        def locks(_: Program, __: Engine) -> None:
            part.connect_beside().execute("BEGIN IMMEDIATE")

        program = stage.scenario.operations[0].function
        program.leaves, program.is_wrong = locks, True
        run = once(stage)
    assert run.stopped == "OperationalError: database is locked"


def test_a_pool_that_is_none_of_sqlalchemys_usual(visits: list[int]) -> None:
    gone_wrong(Program(nothing, {"poolclass": SingletonThreadPool}), "sqlite")
    assert len(visits) == 3


@pytest.mark.dear
def test_a_trigger_that_the_strangers_own_statement_sets_off(visits: list[int]) -> None:
    """He deletes no row, and yet the trigger writes one: what was foretold does not hold, so he comes ever after."""
    function = "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$"
    writes = "INSERT INTO payments (account_id, amount, note) VALUES (1, 1, 'deleted');"
    trigger = "CREATE TRIGGER note AFTER DELETE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION note()"

    def schema(connection: Connection) -> None:
        Base.metadata.create_all(connection)
        for statement in (function.format(writes), trigger, "ALTER SEQUENCE payments_id_seq RESTART 100"):
            connection.exec_driver_sql(statement)

    with settled(Program(nothing), "postgresql", schema=schema) as stage:
        run = once(stage)
    assert run.first != run.second
    assert len(visits) == 3


@pytest.mark.parametrize("db", ENGINES)
def test_looking_away_is_seen(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all said to be at rest, the open transaction above would pass."""
    monkeypatch.setattr(Rest, "foretold", lambda *_: True)
    run = gone_wrong(Program(gives_it_back_open), db, NeverRolledBack())
    assert (run.leaks, balances(run)) == ((), (90, 10))
