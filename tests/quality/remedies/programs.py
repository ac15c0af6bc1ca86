"""For each remedy: programs that it mends, the same rewritten by hand, and programs that it does not mend."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tests.quality.remedies.tables import ORDER, TAKE, Order, Product

Program = Callable[..., Any]
ROWS = ((1, 5), (2, None), (3, 7))
kept: list[Any] = []


def mail(order: int) -> None:
    """The mail server."""


def ask(order: int) -> str:
    """A gateway whose answer is used."""
    return f"r{order}"


# One COMMIT instead of several


def two_commits(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        session.get_one(Product, 1).stock -= 1
        session.commit()
        session.add(Order(id=1, product_id=1))
        session.flush()
        session.commit()


def in_one_commit(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:
        session.get_one(Product, 1).stock -= 1
        session.add(Order(id=1, product_id=1))


def two_commits_and_the_error_hidden(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(TAKE)
        connection.commit()
        with suppress(sqlite3.Error):
            connection.execute(ORDER)
        connection.commit()


# Roll back after a failed COMMIT


def stock_commit(engine: Engine) -> None:
    with Session(engine) as session:
        session.get_one(Product, 1).stock -= 1
        session.commit()


def rolled_back_by_hand(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Product, 1).stock -= 1


def rolled_back_as_printed(engine: Engine) -> None:
    with Session(engine) as session:
        session.get_one(Product, 1).stock -= 1
        try:
            session.commit()
        except:
            session.rollback()
            raise


def a_block_with_its_commit_left(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Product, 1).stock -= 1
        session.commit()


def a_block_rolled_back_as_printed(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Product, 1).stock -= 1
        try:
            session.commit()
        except:
            session.rollback()
            raise


def noted_after_the_failure(dsn: str) -> None:
    connection = sqlite3.connect(dsn)
    kept[:] = [connection]
    connection.execute(TAKE)
    try:
        connection.commit()
    except sqlite3.Error:
        connection.execute("INSERT INTO lines (amount) VALUES (0)")
        raise


# Roll back on the error path instead of COMMIT


@contextmanager
def commits_always(dsn: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(dsn)
    try:
        yield connection
    finally:
        connection.commit()
        connection.close()


@contextmanager
def commits_if_clean(dsn: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(dsn)) as connection:
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def committed_in_finally(dsn: str) -> None:
    with commits_always(dsn) as connection:
        connection.execute(TAKE)
        connection.execute(ORDER)


def committed_if_clean(dsn: str) -> None:
    with commits_if_clean(dsn) as connection:
        connection.execute(TAKE)
        connection.execute(ORDER)


def hidden_in_the_block(dsn: str) -> bool:
    with commits_always(dsn) as connection:
        connection.execute(TAKE)
        with suppress(sqlite3.Error):
            connection.execute(ORDER)
    return True


def raised_in_the_block(dsn: str) -> bool:
    with commits_always(dsn) as connection:
        try:
            connection.execute(TAKE)
            connection.execute(ORDER)
        except sqlite3.Error:
            connection.rollback()
            raise
    return True


def hidden_within_a_savepoint(session_factory: sessionmaker[Session], *, raises: bool = False) -> None:
    """The block rolls back to its savepoint, and nobody hears that the order never came."""
    with session_factory() as session:
        session.connection().exec_driver_sql("BEGIN")  # sqlite3 begins nothing before a SAVEPOINT
        session.get_one(Product, 1).stock -= 1
        session.flush()
        try:
            with session.begin_nested():
                session.add(Order(id=1, product_id=1))
        except DBAPIError:
            if raises:
                session.rollback()
                raise
        try:
            session.commit()
        except DBAPIError:
            session.rollback()
            raise


def raised_within_a_savepoint(session_factory: sessionmaker[Session]) -> None:
    hidden_within_a_savepoint(session_factory, raises=True)


def expects_an_error_and_hides_another(session_factory: sessionmaker[Session]) -> None:
    """The product is there already, in a clean run, too: that is no error path."""
    with session_factory() as session:
        session.connection().exec_driver_sql("BEGIN")
        session.connection().exec_driver_sql(TAKE)
        for sql in ("INSERT INTO products (id, stock) VALUES (1, 1)", ORDER):
            with suppress(DBAPIError), session.begin_nested():
                session.connection().exec_driver_sql(sql)
        try:
            session.commit()
        except DBAPIError:
            session.rollback()
            raise


def told_ok_whatever_came(dsn: str) -> bool:
    """Rolled back or not, nobody hears of an error."""
    with suppress(sqlite3.Error):
        committed_in_finally(dsn)
    return True


# BEGIN for autocommit code


def written_in_autocommit(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute(TAKE)
        connection.execute(ORDER)


def begun_by_hand(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute(TAKE)
        connection.execute(ORDER)
        connection.execute("COMMIT")


def autocommit_notes_the_failure(dsn: str) -> None:
    with closing(sqlite3.connect(dsn, isolation_level=None, timeout=0)) as connection:
        connection.execute(TAKE)
        try:
            connection.execute(ORDER)
        except sqlite3.Error:
            connection.rollback()
            connection.execute("INSERT INTO lines (id, amount) VALUES (1, 0)")
            raise


# A savepoint per row


def load(dsn: str, *, savepoint: bool = False, early: bool = False) -> int:
    loaded = 0
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for row in ROWS:
            try:
                loaded += early
                if savepoint:
                    connection.execute("SAVEPOINT one")
                connection.execute("INSERT INTO lines (id, amount) VALUES (?, ?)", row)
                if savepoint:
                    connection.execute("RELEASE one")
                loaded += not early
            except sqlite3.Error:
                if savepoint:
                    connection.execute("ROLLBACK TO one")
                else:
                    connection.rollback()
                    connection.execute("BEGIN")
        connection.execute("INSERT INTO counts (loaded) VALUES (?)", (loaded,))
        connection.commit()
    return loaded


def skipped_with_a_rollback(dsn: str) -> int:
    return load(dsn)


def skipped_with_a_savepoint(dsn: str) -> int:
    return load(dsn, savepoint=True)


def counted_too_early(dsn: str) -> int:
    return load(dsn, early=True)


# Send the effect after COMMIT


def mailed_before(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:
        mail(1)
        session.add(Order(id=1, product_id=1))


def mailed_or_told(session_factory: sessionmaker[Session]) -> str:
    """An answer is made of it that there was none, as if that were a no."""
    try:
        mailed_before(session_factory)
    except Exception:
        return "not mailed, so nothing is ordered"
    return "mailed"


def mailed_after(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:
        session.add(Order(id=1, product_id=1))
    mail(1)


def answer_used(session_factory: sessionmaker[Session]) -> None:
    with session_factory.begin() as session:
        session.add(Order(id=len(ask(1)), product_id=1))


def send_what_is_not_mailed(session_factory: sessionmaker[Session]) -> None:
    """What a worker does: every order is mailed, once under its number."""
    with session_factory() as session:
        for order in session.query(Order).all():
            mail(order.id)


def counts_fit(session: Session) -> None:
    there = session.connection().exec_driver_sql("SELECT count(*) FROM lines").scalar()
    told = session.connection().exec_driver_sql("SELECT coalesce(sum(loaded), 0) FROM counts").scalar()
    assert there == told, f"{told} rows are noted as loaded, {there} are there"


# What none of them mends, of other kinds


def takes_busy_for_done(engine: Engine) -> bool:
    """Rolled back or not, it says ok of nothing."""
    with engine.connect() as connection:
        connection.exec_driver_sql(TAKE)
        try:
            connection.commit()
        except OperationalError as error:
            if "locked" not in str(error):
                raise
    return True


def counted_from_the_last_rollback(dsn: str) -> int:
    """Its count is made for a ROLLBACK that takes everything: with the rows kept, it is wrong."""
    loaded = 0
    with closing(sqlite3.connect(dsn, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for row in ROWS:
            try:
                connection.execute("INSERT INTO lines (id, amount) VALUES (?, ?)", row)
                loaded += 1
            except sqlite3.Error:
                connection.rollback()
                connection.execute("BEGIN")
                loaded = 0
        connection.execute("INSERT INTO counts (loaded) VALUES (?)", (loaded,))
        connection.commit()
    return loaded


def autocommit_and_the_error_hidden(dsn: Any) -> bool:
    """In a transaction, too, the first write is committed without the second; on PostgreSQL neither is, and it says ok."""
    server = not isinstance(dsn, str) or dsn.startswith("postgresql")
    opened: Any = psycopg.connect(dsn, autocommit=True) if server else sqlite3.connect(dsn, isolation_level=None)
    with closing(opened) as connection:
        connection.execute(TAKE)
        with suppress(sqlite3.Error, psycopg.Error):
            connection.execute(ORDER)
    return True


def mailed_and_the_error_hidden(session_factory: sessionmaker[Session]) -> bool:
    """Without the mail it says ok of an order that is not there."""
    with session_factory() as session:
        session.add(Order(id=1, product_id=1))
        session.flush()
        mail(1)
        with suppress(Exception):
            session.commit()
    return True


# COMMIT after the last write


def never_committed(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(TAKE)
        connection.execute(ORDER)


def committed_at_last(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection:
        connection.execute(TAKE)
        connection.execute(ORDER)
        connection.commit()


def never_committed_after_savepoints(session: Session) -> None:
    session.execute(text(TAKE))
    with session.begin_nested():
        session.execute(text(ORDER))
    with session.begin_nested(), session.begin_nested():
        session.execute(text(TAKE))


def committed_after_savepoints(session: Session) -> None:
    never_committed_after_savepoints(session)
    session.commit()


def never_committed_and_the_error_hidden(dsn: str) -> None:
    with closing(sqlite3.connect(dsn)) as connection, suppress(sqlite3.Error):
        connection.execute(TAKE)
        connection.execute(ORDER)
