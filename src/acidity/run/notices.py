"""What a server says beside its answer to COMMIT: committed here, and perhaps not on the standby.

With synchronous standbys, a COMMIT of PostgreSQL waits until one has the transaction. When that wait is cancelled,
COMMIT is answered as if all were well, with the warning that "the transaction has already committed locally, but might
not have been replicated to the standby"; after a failover it may be gone (PostgreSQL manual, ``synchronous_commit``).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection

from acidity.run.errors import CommittedLocally

logger = logging.getLogger("acidity.run")
_SOURCE, _TEXT = "SyncRepWaitForLSN", "committed locally"  # the text only where the driver gives nothing else


def listen(connection: Connection) -> Callable[[], None] | None:
    """Listen while COMMIT of PostgreSQL is under way; give what ends it, None where the driver tells nothing."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "add_notice_handler"):  # psycopg
        driver.add_notice_handler(_of_psycopg)
        return lambda: driver.remove_notice_handler(_of_psycopg)
    if hasattr(driver, "add_log_listener"):  # asyncpg calls back when the loop comes round
        driver.add_log_listener(_of_asyncpg)
        return lambda: driver.remove_log_listener(_of_asyncpg)
    if hasattr(driver, "notices"):  # psycopg2 collects them
        known = len(driver.notices)
        return lambda: _of_psycopg2(driver.notices[known:])
    return None


def _of_psycopg(diagnostic: Any) -> None:
    if diagnostic.source_function == _SOURCE:
        _surface(diagnostic.message_primary)


def _of_asyncpg(_connection: Any, message: Any) -> None:
    if message.server_source_function == _SOURCE:
        _surface(message.message)


def _of_psycopg2(notices: list[str]) -> None:
    for notice in notices:
        if _TEXT in notice:
            _surface(notice.splitlines()[0])


def _surface(said: str) -> None:
    message = f"COMMIT is done on this server and perhaps on no standby; a failover could lose it ({said.strip()})"
    logger.warning(message)
    warnings.warn(CommittedLocally(message), stacklevel=2)
