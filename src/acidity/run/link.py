"""What is known of one connection of the pool: looked for when a unit first meets it, and kept with it.

`connection.info` lasts as long as the driver's connection does, so a server that was restarted is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from acidity.run import notices, sqlite
from acidity.run.status import Told, told_by

_KEY = "acidity"


@dataclass(eq=False, slots=True)
class Link:
    """One connection of the pool.

    Attributes:
        driver: the driver's connection.
        told: what the driver says of its transaction.
        levels: isolation levels that the server has confirmed.
    """

    driver: Any
    told: Told
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
    if connection.dialect.name == "sqlite":
        sqlite.refuse_driver_autocommit(driver)
    elif connection.dialect.name == "postgresql":
        notices.listen(driver)
    return Link(driver, told_by(connection))
