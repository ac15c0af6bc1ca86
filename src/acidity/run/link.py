"""What is known of one connection of the pool: looked for when a unit first meets it, and kept with it.

`connection.info` lasts as long as the driver's connection does, so a server that was restarted is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from acidity.run import notices, sqlite

_KEY = "acidity"
_ABORTED = 3  # PQTRANS_INERROR


@dataclass(eq=False, slots=True)
class Link:
    """One connection of the pool.

    Attributes:
        driver: the driver's connection.
        is_well: whether the transaction is what SQLAlchemy believes, as far as the driver knows: on SQLite it has not
            been ended behind its back; on PostgreSQL it is not aborted, where COMMIT would roll back and be reported
            as a success.
        levels: isolation levels that the server has confirmed.
    """

    driver: Any
    is_well: Callable[[], bool]
    levels: set[str] = field(default_factory=set)


def link_of(connection: Connection) -> Link:
    """The link behind a connection."""
    # The record has the `info`; four calls less than asking the connection.
    record: Any = getattr(connection._dbapi_connection, "_connection_record", None)
    info = connection.info if record is None else record.info
    link: Link | None = info.get(_KEY)
    if link is None:
        link = info[_KEY] = _made(connection)
    return link


def _made(connection: Connection) -> Link:
    driver: Any = connection.connection.driver_connection
    dialect = connection.dialect
    if dialect.name == "sqlite":
        sqlite.refuse_driver_autocommit(driver)
        return Link(driver, partial(getattr, driver, "in_transaction"))
    if dialect.name == "postgresql":
        notices.listen(driver)
    if dialect.driver == "psycopg2":
        return Link(driver, lambda: bool(driver.get_transaction_status() != _ABORTED))
    if dialect.driver.startswith("psycopg") and hasattr(driver, "pgconn"):
        pgconn = driver.pgconn
        return Link(driver, lambda: bool(pgconn.transaction_status != _ABORTED))
    return Link(driver, _nothing_known)


def _nothing_known() -> bool:
    return True
