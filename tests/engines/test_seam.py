"""Every Call of plain code passes the seam, with kind, SQL, parameters and the line of user code that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, event, insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from acidity.adapters.seam import PassThrough
from acidity.core.call import Kind
from tests.engines.bank import (
    ALICE,
    BOB,
    Account,
    Payment,
    StrikeAt,
    balances,
    calls,
    kinds,
    line_of,
    move,
    run_once,
    says,
    staged,
)


def session_commits(session: Session) -> None:
    session.add(Payment(account_id=ALICE, amount=1))
    session.flush()  # statement
    session.commit()  # commit


def session_rolls_back(session: Session) -> None:
    session.execute(update(Account).values(balance=1))  # statement
    session.rollback()  # rollback


def session_begin(session: Session) -> None:
    with session.begin():  # commit
        session.execute(update(Account).values(balance=1))  # statement


def session_closed(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:  # rollback
        session.execute(update(Account).values(balance=1))  # statement


def factory(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:  # commit
        session.execute(update(Account).values(balance=1))  # statement


def scoped(session_factory: sessionmaker[Session]) -> None:
    shared = scoped_session(session_factory)
    shared.execute(update(Account).values(balance=1))  # statement
    shared.commit()  # commit
    shared.remove()


def core_connection(connection: Connection) -> None:
    connection.execute(update(Account).values(balance=1))  # statement
    connection.commit()  # commit


def core_engine_begin(engine: Engine) -> None:
    with engine.begin() as connection:  # commit
        connection.execute(update(Account).values(balance=1))  # statement


def core_explicit_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(select(Account.id))  # statement
        transaction.rollback()  # rollback


def savepoint_released(session: Session) -> None:
    with session.begin():  # commit
        session.execute(text("BEGIN"))  # begin
        nested = session.begin_nested()
        session.connection()  # savepoint
        session.execute(update(Account).values(balance=1))  # statement
        nested.commit()  # release


def savepoint_rolled_back(connection: Connection) -> None:
    nested = connection.begin_nested()  # savepoint
    connection.execute(update(Account).values(balance=1))  # statement
    nested.rollback()  # rollback-to
    connection.commit()  # commit


def control_as_text(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:  # rollback
        connection.exec_driver_sql("BEGIN")  # begin
        connection.execute(text("/* so */ SAVEPOINT a"))  # savepoint
        connection.execute(text("UPDATE accounts SET balance = 1"))  # statement
        connection.execute(text("ROLLBACK TO a"))  # rollback-to
        connection.execute(text("RELEASE a"))  # release
        connection.execute(text("COMMIT"))  # commit


def many(connection: Connection) -> None:
    rows = [{"account_id": ALICE, "amount": 1}, {"account_id": BOB, "amount": 2}]
    connection.execute(insert(Payment), rows)  # statement
    connection.commit()  # commit


def several_rows_returned(connection: Connection) -> list[int]:
    rows = [{"account_id": ALICE, "amount": 1}, {"account_id": BOB, "amount": 2}]
    returned = list(connection.scalars(insert(Payment).returning(Payment.amount), rows))  # statement
    connection.commit()  # commit
    return returned


SEEN: dict[Callable[..., Any], str] = {
    session_commits: "statement commit",
    session_rolls_back: "statement rollback",
    session_begin: "statement commit",
    session_closed: "statement rollback",
    factory: "statement commit",
    scoped: "statement commit",
    core_connection: "statement commit",
    core_engine_begin: "statement commit",
    core_explicit_transaction: "statement rollback",
    savepoint_released: "begin savepoint statement release commit",
    savepoint_rolled_back: "savepoint statement rollback-to commit",
    control_as_text: "begin savepoint statement rollback-to release commit rollback",
    many: "statement commit",
    several_rows_returned: "statement commit",
}


@pytest.mark.parametrize("function", SEEN, ids=lambda function: function.__name__)
@pytest.mark.one_in(2)
def test_calls_and_their_sites(function: Callable[..., Any]) -> None:
    run = run_once(function)
    seen = [call for call in calls(run) if call.site is not None]  # closing what was injected is no line of the user
    assert [str(call.kind) for call in seen] == SEEN[function].split()
    assert not run.ending.exception
    for number, call in enumerate(seen, 1):
        assert (call.actor, call.index, call.connection) == ("A", number, 1)
        assert says(call, __file__, line_of(function, call.kind)), call
        assert call.site
        assert call.site.function == function.__name__
    assert not run.leaks
    assert not run.bypasses


def test_what_was_injected_is_closed_by_nobodys_line() -> None:
    def operation(session: Session) -> None:
        session.execute(select(Account.id))

    last = calls(run_once(operation))[-1]
    assert (last.kind, last.site) == (Kind.ROLLBACK, None)


def test_text_and_parameters_are_those_of_the_driver() -> None:
    statement, commit = calls(run_once(many))
    assert statement.sql == "INSERT INTO payments (account_id, amount, note) VALUES (?, ?, ?)"
    assert (statement.many, statement.params) == (True, [(ALICE, 1, ""), (BOB, 2, "")])
    assert (commit.sql, commit.params, commit.many) == ("", None, False)


def test_insertmanyvalues_is_one_statement_with_all_rows() -> None:
    run = run_once(several_rows_returned)
    statement, _ = calls(run)
    assert statement.sql.count("(?, ?, ?)") == 2
    assert (statement.many, statement.params) == (False, (ALICE, 1, "", BOB, 2, ""))
    assert run.ending.answer == [1, 2]


def test_columns_filled_by_a_callable_default_are_known() -> None:
    metadata = MetaData()
    notes = Table(
        "notes",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("token", String, default=lambda: "made by Python"),
        Column("state", String, default="a constant"),
        Column("seen", String, onupdate=lambda: "made by Python"),
    )

    def operation(connection: Connection) -> None:
        connection.execute(notes.insert())
        connection.execute(notes.update().values(state="new"))
        connection.commit()

    inserted, updated, _ = calls(run_once(operation, metadata=metadata, setup=None))
    assert inserted.defaulted == {"token"}
    assert updated.defaulted == {"seen"}


def test_begin_sent_by_an_event_hook_is_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_that_begins_by_itself()
    monkeypatch.setattr(f"{__name__}.OWN", engine, raising=False)

    def operation() -> None:
        with engine.begin() as connection:
            connection.execute(update(Account).values(balance=1))

    run = run_once(operation, bind=f"{__name__}:OWN")
    assert kinds(run) == ["begin", "statement", "commit"]
    assert calls(run)[0].sql == "BEGIN IMMEDIATE"
    assert balances(run) == (1, 1)


def engine_that_begins_by_itself() -> Engine:
    """The recipe of SQLAlchemy's manual for true SERIALIZABLE isolation with the stdlib driver."""
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def leave_it_to_me(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def test_a_session_of_sqlmodel() -> None:
    sqlmodel = pytest.importorskip("sqlmodel")
    seen: list[type] = []

    def operation(session: sqlmodel.Session) -> list[int]:  # type: ignore[name-defined]
        seen.append(type(session))
        found = session.exec(sqlmodel.select(Account.id)).all()
        session.add(Payment(account_id=ALICE, amount=1))
        session.commit()
        return list(found)

    operation.__annotations__["session"] = sqlmodel.Session
    run = run_once(operation)
    assert kinds(run) == ["statement", "statement", "commit"]
    assert run.ending.answer == [ALICE, BOB]
    assert seen == [sqlmodel.Session]


def test_connections_are_numbered_as_they_appear() -> None:
    def operation(engine: Engine) -> None:
        with engine.connect() as one, engine.connect() as two:
            one.execute(select(Account.id))
            two.execute(select(Account.id))
            one.execute(select(Account.id))

    assert [call.connection for call in calls(run_once(operation))] == [1, 2, 1, 2, 1]


def both_in_one_commit(session: Session) -> None:
    with session.begin():
        move(session)


OLD, NEW = (100, 0), (90, 10)


@pytest.mark.parametrize(
    ("kind", "after", "rows"),
    [
        (Kind.STATEMENT, False, OLD),
        (Kind.STATEMENT, True, OLD),
        (Kind.COMMIT, False, OLD),
        (Kind.COMMIT, True, NEW),
    ],
)
def test_a_strike_stands_before_or_after_the_drivers_own_call(
    kind: Kind, *, after: bool, rows: tuple[int, int]
) -> None:
    strike = StrikeAt(kind, after=after)
    run = run_once(both_in_one_commit, interceptor=strike)
    assert len(strike.struck) == 1
    assert run.ending.exception == "OperationalError"
    assert balances(run) == rows


@pytest.mark.parametrize(
    ("kind", "after", "kept"),
    [
        (Kind.SAVEPOINT, False, []),
        (Kind.SAVEPOINT, True, []),
        (Kind.RELEASE, False, []),
        (Kind.RELEASE, True, []),
        (Kind.ROLLBACK_TO, False, []),
    ],
)
def test_a_strike_at_a_savepoint_is_an_error_of_the_database(kind: Kind, *, after: bool, kept: list[int]) -> None:
    def operation(session: Session) -> None:
        with session.begin():
            session.execute(update(Account).values(balance=1))
            for undone in (False, True):
                nested = session.begin_nested()
                session.add(Payment(account_id=ALICE, amount=1))
                session.flush()
                (nested.rollback if undone else nested.commit)()

    strike = StrikeAt(kind, after=after)
    run = run_once(operation, interceptor=strike)
    assert [call.kind for call in strike.struck] == [kind]
    assert run.ending.exception == "OperationalError"
    assert balances(run) == OLD


@pytest.mark.parametrize("after", [False, True])
def test_a_strike_at_control_sent_as_text(*, after: bool) -> None:
    run = run_once(control_as_text, interceptor=StrikeAt(Kind.COMMIT, after=after))
    assert run.ending.exception == "OperationalError"
    assert balances(run) == OLD  # it rolled back to its savepoint before


def test_what_was_struck_is_in_the_history() -> None:
    run = run_once(both_in_one_commit, interceptor=StrikeAt(Kind.COMMIT))
    commit = run.history[-1]  # the rollback after it is the pool's reset, no Call
    assert (commit.call.kind, commit.reply.status) == (Kind.COMMIT, "error")
    assert commit.reply.error == "OperationalError: struck"


def test_the_databases_own_error_code_is_in_the_history() -> None:
    def operation(session: Session) -> None:
        session.execute(insert(Account).values(id=ALICE, owner="again", balance=0))

    run = run_once(operation)
    assert run.ending.exception == "IntegrityError"
    assert (run.history[0].reply.status, run.history[0].reply.code) == ("error", "SQLITE_CONSTRAINT_PRIMARYKEY")


def test_cold_and_warm_make_the_same_calls() -> None:
    with staged(both_in_one_commit) as stage:
        runs = [stage.run(stage.scenario.operations[0], PassThrough()) for _ in range(3)]
    assert [[call.kind for call in calls(run)] for run in runs] == [[call.kind for call in calls(runs[0])]] * 3
    assert kinds(runs[0]) == ["statement"] * 4 + ["commit"]
