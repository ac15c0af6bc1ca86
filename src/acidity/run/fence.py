"""The fence: whether a transaction that wrote a certain row first was committed, asked by inserting the same row.

While that transaction is open, the INSERT waits for it; a duplicate means that it is committed, success that it is over
and was not. The fence is rolled back and leaves nothing. It proves "not committed" only of a transaction whose own
INSERT of the row had been answered before; what has not come so far would come later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import DUPLICATE, codes_of
from acidity.run.beside import beside
from acidity.run.server import is_mysql

Row = tuple[Insert, dict[str, Any]]


def is_taken(engine: Engine, row: Row, *, wait_s: float = 10.0) -> bool:
    """Whether this row is there; waits until the transaction that is at it has ended.

    Args:
        engine: the database; on SQLite its busy time-out is in force instead of `wait_s`.
        row: an INSERT and the values of the row, with its primary key.
        wait_s: seconds to wait, at least 1 on MariaDB.

    Raises:
        DBAPIError: the database did not answer, or the transaction goes on.
    """
    with beside(engine) as connection, _patience(connection, wait_s):
        try:
            connection.execute(*row)
        except DBAPIError as error:
            if not DUPLICATE.intersection(codes_of(error)):
                raise
            return True
        finally:
            if not connection.invalidated:
                connection.rollback()
        return False


@contextmanager
def _patience(connection: Connection, wait_s: float) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, round(wait_s * 1000))}")
        yield
    elif is_mysql(connection):
        seconds = max(1, math.ceil(wait_s))
        connection.exec_driver_sql(
            f"SET @acidity_wait = @@innodb_lock_wait_timeout, innodb_lock_wait_timeout = {seconds}"
        )
        try:
            yield
        finally:
            if not connection.invalidated:
                with suppress(DBAPIError):
                    connection.exec_driver_sql("SET innodb_lock_wait_timeout = @acidity_wait")
    else:
        yield
