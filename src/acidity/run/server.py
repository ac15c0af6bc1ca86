"""What a unit asks of PostgreSQL and MariaDB before its first statement: level, read only, time-out; asked back.

``SET TRANSACTION ISOLATION LEVEL`` must be PostgreSQL's first statement in a transaction, and is refused by MariaDB
inside one (error 1568), where it is for the next one. SQLAlchemy knows the difference; whether it took effect is asked
of the server, because after the first statement of a session it only warns and leaves the level as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection

from acidity.run.errors import BoundaryError
from acidity.run.link import link_of
from acidity.run.status import Status

LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


def is_mysql(connection: Connection) -> bool:
    """MariaDB or MySQL."""
    return connection.dialect.name in {"mysql", "mariadb"}


def verify_level(connection: Connection, asked: str) -> None:
    """Compare the level that is in effect with the one that was asked for; once for each pooled connection and level.

    Raises:
        BoundaryError: another one is in effect.
    """
    verified = link_of(connection).levels
    if asked in verified:
        return
    if connection.dialect.name == "sqlite":  # always SERIALIZABLE, but for a shared cache (sqlite.org/isolation.html)
        dirty = connection.exec_driver_sql("PRAGMA read_uncommitted").scalar()
        actual = "READ UNCOMMITTED" if dirty else asked
    elif connection.dialect.name == "postgresql":
        actual = str(connection.exec_driver_sql("SHOW transaction_isolation").scalar()).upper()
    else:
        actual = connection.get_isolation_level().upper()
    if actual != asked:
        raise BoundaryError(f"isolation_level={asked!r} was asked for, and the server says {actual!r}; nothing was run")
    if connection.dialect.name != "sqlite":  # where asking costs nothing, and a PRAGMA can change it
        verified.add(asked)


def reset_safely(connection: Connection) -> None:
    """See that the pool gets the connection back when its level cannot be set back, because the server is gone by then.

    MariaDB's level outlives the transaction, so SQLAlchemy sends two statements at check-in. When one of them fails, it
    raises instead of returning the connection, and the pool is smaller for ever; behind a COMMIT that was confirmed.
    """
    record: Any = connection.connection._connection_record
    resets = list(record.finalize_callback)

    def reset(dbapi_connection: Any) -> None:
        try:
            while resets:
                resets.pop()(dbapi_connection)
        except Exception as error:
            record.invalidate(error)

    record.finalize_callback.clear()
    record.finalize_callback.append(reset)


def make_read_only(connection: Connection) -> None:
    """Let the server refuse every write of this transaction."""
    if is_mysql(connection):
        connection.exec_driver_sql("START TRANSACTION READ ONLY")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    else:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def limit_time(connection: Connection, seconds: float) -> None:
    """Let the server end a statement that takes longer; undone with `unlimit_time` where it outlives a transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
    elif is_mysql(connection) and getattr(connection.dialect, "is_mariadb", False):
        connection.exec_driver_sql(f"SET @acidity_time = @@max_statement_time, max_statement_time = {seconds:.3f}")


@contextmanager
def no_waiting(connection: Connection) -> Iterator[None]:
    """Let a lock that another transaction holds be an error at once; SQLite's one writer has no locks to wait for."""
    if connection.dialect.name == "postgresql":
        before = connection.exec_driver_sql("SHOW lock_timeout").scalar()
        connection.exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
        yield
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{before}'")  # after an error, ROLLBACK takes it back
    elif is_mysql(connection):
        connection.exec_driver_sql("SET @acidity_wait = @@innodb_lock_wait_timeout, innodb_lock_wait_timeout = 0")
        try:
            yield
        finally:
            connection.exec_driver_sql("SET innodb_lock_wait_timeout = @acidity_wait")
    else:
        yield


def lasting_settings(connection: Connection, *, read_only: bool, timeout: float | None) -> list[str]:
    """What must be taken back before the connection goes back to the pool."""
    back = []
    if read_only and connection.dialect.name == "sqlite":
        back.append("PRAGMA query_only = OFF")
    if timeout is not None and is_mysql(connection) and getattr(connection.dialect, "is_mariadb", False):
        back.append("SET max_statement_time = @acidity_time")
    return back


def still_open(connection: Connection) -> bool | None:
    """Whether the driver says that a transaction is open; None where it cannot say for sure."""
    told = link_of(connection).told
    status = told.transaction()
    return None if status is Status.UNTOLD or not told.at_once else status is not Status.CLOSED
