"""What faults put in a program's way never meets what the program has under a name or a key of its own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from acidity.adapters.seam import PassThrough, PendingCall
from acidity.engines.hosted import HostedSandbox
from acidity.prove import Operation, Scenario
from acidity.prove.drill.striker import FaultInjector, Strike, context_of, struck_run
from acidity.prove.faults import FAULTS
from acidity.prove.faults.bait import KEYS, advisory_key
from acidity.prove.stage.stage import Stage
from tests.engines.bank import ALICE, BOB, Account, Base, Payment, bank, seed
from tests.run.drilling import drilled

_KEY = re.compile(r"(?:pg_(?:try_)?advisory\w*|wait_for)\((-?\d+)")
_NAMED = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+([^\s;(]+)")
_THE_PROGRAMS_OWN = re.compile(r"\b(SAVEPOINT|PREPARE|GET_LOCK|TEMP|TEMPORARY|CREATE|DROP|ALTER)\b", re.IGNORECASE)


class Watched(FaultInjector):
    """Says when a strike begins and ends, by `sent` being there."""

    sent: list[str] | None = None

    def _strike(self, pending: PendingCall) -> None:
        Watched.sent = []
        try:
            super()._strike(pending)
        finally:
            _AT_WORK.extend(Watched.sent)
            Watched.sent = None


_AT_WORK: list[str] = []


def note(sql: str) -> None:
    if Watched.sent is not None:
        Watched.sent.append(sql)


class Heard:
    """A second session whose statements are noted; it is a real one."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.__exit__(*exception)

    def execute(self, sql: str) -> Any:
        note(sql)
        return self._session.execute(sql)

    def cursor(self) -> Heard:
        return Heard(self._session.cursor())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement of a fault's own, on the program's connection and on second sessions."""
    send, beside = HostedSandbox.send, HostedSandbox.connect_beside

    def heard(sandbox: HostedSandbox, connection: Any, sql: str) -> None:
        note(sql)
        send(sandbox, connection, sql)

    monkeypatch.setattr(HostedSandbox, "send", heard)
    monkeypatch.setattr(HostedSandbox, "connect_beside", lambda sandbox: Heard(beside(sandbox)))
    _AT_WORK.clear()
    yield _AT_WORK
    _AT_WORK.clear()


def one_update(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == BOB).values(balance=1))


@pytest.mark.dear
@pytest.mark.parametrize(("db", "least"), [("postgresql", 9), ("mariadb", 7)])
def test_every_fault_keeps_to_names_and_keys_of_ours(sent: list[str], db: str, least: int) -> None:
    faults = [FAULTS[name] for name in FAULTS if not FAULTS[name].in_child]
    with Stage(bank(one_update), db, {}, "REPEATABLE READ") as stage:
        (operation,), sandbox = stage.scenario.operations, stage.parts[""]
        assert isinstance(sandbox, HostedSandbox)
        token = sandbox.database.rsplit("_", 1)[1]
        assert token in sandbox.bait
        assert token in sandbox.user
        assert sandbox.bait != sandbox.user  # it would be first in PostgreSQL's search path
        history = stage.run(operation, PassThrough()).history
        for fault in faults:
            for event in history:
                context = context_of(stage, operation)
                context.turn_to(event.call)
                if not fault.misfit(event.call, context):
                    watched = Watched(Strike(fault, event.call.index), context)
                    stage.run(operation, watched, needs=watched.needs)
        assert len(set(sent)) >= least
        for sql in sent:
            assert all(int(key) in KEYS for key in _KEY.findall(sql)), sql
            assert not _THE_PROGRAMS_OWN.search(sql), sql
            for name in _NAMED.findall(sql):
                assert name.startswith((sandbox.quoted(sandbox.bait), "information_schema.")), sql


@pytest.mark.dear
def test_a_deadlock_is_seen_at_once_however_long_the_server_waits_to_look_for_one() -> None:
    with Stage(bank(one_update), "postgresql", {}) as stage:
        (operation,), sandbox = stage.scenario.operations, stage.parts[""]
        assert isinstance(sandbox, HostedSandbox)
        sandbox.ask(f"ALTER ROLE {sandbox.quoted(sandbox.user)} SET deadlock_timeout = '60s'")
        run = struck_run(stage, operation, Strike(FAULTS["deadlock"], 1), PassThrough())
        assert run.history[0].reply.code == "40P01"


def test_each_database_has_keys_of_its_own() -> None:
    keys = [advisory_key(f"acidity_{number}_before", lock) for number in range(100) for lock in (0, 1, 2, 255)]
    assert len(set(keys)) == len(keys)
    assert all(key in KEYS and -(2**63) <= key < -(2**62) for key in keys)


OWN = {
    "postgresql": (
        "CREATE SCHEMA acidity; CREATE TABLE bait (id int PRIMARY KEY, n int); INSERT INTO bait VALUES (1, 0), (2, 0); "
        'CREATE TABLE late (id int); CREATE TABLE "full" (id int); CREATE TABLE seed_accounts (id int)'
    ),
    "mariadb": (
        "CREATE TABLE bait (id int PRIMARY KEY, n int); INSERT INTO bait VALUES (1, 0), (2, 0); "
        "CREATE TABLE late (id int); CREATE TABLE `full` (id int)"
    ),
}
LOCK = {
    "postgresql": "SELECT pg_advisory_lock(7), pg_advisory_lock(1), pg_advisory_lock(2), pg_advisory_lock(0, 7)",
    "mariadb": "SELECT GET_LOCK('bait', 5), GET_LOCK('acidity', 5), GET_LOCK('7', 5)",
}
UNLOCK = {"postgresql": "SELECT pg_advisory_unlock_all()", "mariadb": "SELECT RELEASE_ALL_LOCKS()"}
ARRANGED = ("error-before", "constraint", "busy", "deadlock", "interrupt", "disk-full")


def with_names_of_its_own(engine: Engine, *, atomic: bool) -> None:
    """Holds locks and writes to tables that are called like ours while it is struck."""
    name = engine.dialect.name
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql(LOCK[name])
            connection.exec_driver_sql("UPDATE bait SET n = n + 1 WHERE id = 1")
            if not atomic:
                connection.commit()
            connection.exec_driver_sql("UPDATE bait SET n = n + 1 WHERE id = 2")
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql(UNLOCK[name])
            connection.commit()


def whole(engine: Engine) -> None:
    with_names_of_its_own(engine, atomic=True)


def in_halves(engine: Engine) -> None:
    with_names_of_its_own(engine, atomic=False)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", OWN)
def test_a_program_with_the_same_names_is_judged_as_any_other(db: str) -> None:
    def tables(connection: Connection) -> None:
        for statement in OWN[db].split("; "):
            connection.exec_driver_sql(statement)

    right = drilled(Scenario(Operation(whole), schema=tables), db, *ARRANGED)
    assert right.verdict == "pass", right
    (made,) = [bound for bound in right.bounds if bound.name == "runs"]
    assert made.covered == made.total, right  # every strike broke what it was to break
    wrong = drilled(Scenario(Operation(in_halves), schema=tables), db, "error-before")
    assert {word for found in wrong.findings for word in found.errors} == {"torn"}, wrong


def says_its_version(engine: Engine) -> None:
    """Writes down what ``PRAGMA user_version`` says; tried again when somebody was faster."""
    for _ in range(2):
        with engine.connect() as connection, suppress(DBAPIError):
            connection.exec_driver_sql("BEGIN")
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.scalar(select(Account.balance))
            connection.execute(insert(Payment).values(id=9, account_id=ALICE, amount=1, note=f"v{version}"))
            connection.commit()
            return
    raise RuntimeError("twice")


def writes_read_only(engine: Engine) -> None:
    """A guard that the program has set itself is still there after a strike."""
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        for number in (7, 8):
            with suppress(DBAPIError):
                connection.execute(insert(Payment).values(id=number, account_id=ALICE, amount=1, note=""))
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.execute(insert(Payment).values(id=9, account_id=ALICE, amount=1, note=""))


def forbids_itself_to_delete(engine: Engine) -> None:
    """An authorizer of the program's own is still there after a strike."""

    def without_payments(action: int, first: str | None, *_: str | None) -> int:
        return sqlite3.SQLITE_DENY if (action, first) == (sqlite3.SQLITE_DELETE, "payments") else sqlite3.SQLITE_OK

    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_authorizer(without_payments)
        with suppress(DBAPIError):
            connection.execute(insert(Payment).values(id=9, account_id=ALICE, amount=1, note=""))
        with suppress(DBAPIError):
            connection.execute(delete(Payment))
        connection.commit()
        driver.set_authorizer(None)


@pytest.mark.parametrize(
    ("function", "fault", "settings"),
    [
        (says_its_version, "busy-snapshot", {"journal_mode": "wal"}),
        (writes_read_only, "read-only", {}),
        (forbids_itself_to_delete, "error-before", {}),
    ],
)
def test_what_the_program_has_set_stays_as_it_is(
    function: Callable[..., Any], fault: str, settings: dict[str, str]
) -> None:
    scenario = Scenario(Operation(function), metadata=Base.metadata, setup=seed)
    with Stage(scenario, "sqlite", settings) as stage:
        (operation,) = scenario.operations
        clean = stage.run(operation, PassThrough())
        struck = 0
        for event in clean.history:
            context = context_of(stage, operation)
            context.turn_to(event.call)
            if FAULTS[fault].misfit(event.call, context):
                continue
            run = struck_run(stage, operation, Strike(FAULTS[fault], event.call.index))
            struck += run.struck
            assert run.second in (stage.seed, clean.second), event.call
        assert struck
