"""What a driver says of its transaction, without asking the server: whether one is open, and whether it autocommits.

Every answer of a server carries the status of the transaction, and drivers keep the last one. PostgreSQL's comes with
each answer (protocol, ReadyForQuery); of MariaDB's, the drivers read those that come with no rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy.engine import Connection

_AUTOCOMMIT, _IN_TRANSACTION, _BOTH = 2, 1, 3  # bits of MariaDB's server_status (mariadb.com/kb/en/ok_packet)


class Status(Enum):
    """Whether a transaction is open, as far as the driver knows."""

    OPEN = auto()
    CLOSED = auto()
    ABORTED = auto()  # PostgreSQL: open, and COMMIT would roll back and be reported as a success
    UNTOLD = auto()


@dataclass(frozen=True, slots=True)
class Told:
    """What one connection of a driver can be asked at no cost.

    Attributes:
        transaction: the status of its transaction.
        autocommits: each statement is committed by itself.
        goes_on: a transaction is known to be open, and nothing is committed by itself: both in one look.
        at_once: the first statement opens a transaction, whatever it is; else only one that touches a table does.
    """

    transaction: Callable[[], Status]
    autocommits: Callable[[], bool]
    goes_on: Callable[[], bool]
    at_once: bool = True


_IN_TRANSACTION_OF_LIBPQ = 2
_OF_LIBPQ = {0: Status.CLOSED, 1: Status.OPEN, 2: Status.OPEN, 3: Status.ABORTED}  # PGTransactionStatusType


def told_by(connection: Connection) -> Told:
    """What the driver of this connection can be asked."""
    driver: Any = connection.connection.driver_connection
    adapted: Any = connection.connection.dbapi_connection  # of an async driver: SQLAlchemy begins for it
    if connection.dialect.name == "sqlite":
        return Told(lambda: _open_if(driver.in_transaction), _never, lambda: driver.in_transaction)
    if hasattr(driver, "server_status"):  # PyMySQL, aiomysql
        return Told(
            lambda: _open_if(driver.server_status & _IN_TRANSACTION),
            lambda: bool(driver.server_status & _AUTOCOMMIT),
            lambda: driver.server_status & _BOTH == _IN_TRANSACTION,
            at_once=False,
        )
    autocommits: Callable[[], bool] = lambda: bool(getattr(adapted, "autocommit", False))  # noqa: E731
    if connection.dialect.driver == "psycopg2":
        return _of_libpq(driver.get_transaction_status, autocommits)
    if hasattr(driver, "pgconn"):  # psycopg
        return _of_libpq(lambda: driver.pgconn.transaction_status, autocommits)
    if hasattr(driver, "is_in_transaction"):  # asyncpg
        return Told(
            lambda: _of_asyncpg(driver),
            autocommits,
            lambda: _of_asyncpg(driver) is Status.OPEN and not autocommits(),
        )
    if hasattr(driver, "get_autocommit"):  # mysqlclient
        return Told(_untold, lambda: bool(driver.get_autocommit()), _never)
    return Told(_untold, _never if connection.dialect.name in ("mysql", "mariadb") else autocommits, _never)


def _of_libpq(status: Callable[[], Any], autocommits: Callable[[], bool]) -> Told:
    return Told(
        lambda: _OF_LIBPQ.get(status(), Status.UNTOLD),
        autocommits,
        lambda: status() == _IN_TRANSACTION_OF_LIBPQ and not autocommits(),
    )


def _of_asyncpg(driver: Any) -> Status:
    return Status.UNTOLD if driver.is_closed() else _open_if(driver.is_in_transaction())


def _open_if(is_open: Any) -> Status:
    return Status.OPEN if is_open else Status.CLOSED


def _never() -> bool:
    return False


def _untold() -> Status:
    return Status.UNTOLD
