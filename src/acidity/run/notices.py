"""What a server says beside its answer to COMMIT: committed here, and perhaps not on the standby.

With synchronous standbys, a COMMIT of PostgreSQL waits until one has the transaction. When that wait is cancelled,
COMMIT is answered as if all were well, with the warning that "the transaction has already committed locally, but might
not have been replicated to the standby"; after a failover it may be gone (PostgreSQL manual, ``synchronous_commit``).
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from acidity.run.errors import CommittedLocally

logger = logging.getLogger("acidity.run")
_SOURCE, _TEXT = "SyncRepWaitForLSN", "committed locally"  # the text only where the driver gives nothing else


def listen(driver: Any) -> None:
    """Listen on a driver's connection for as long as it lasts; asked for once, as a unit is over in microseconds."""
    if hasattr(driver, "add_notice_handler"):  # psycopg
        driver.add_notice_handler(_of_psycopg)
    elif hasattr(driver, "add_log_listener"):  # asyncpg calls back when the loop comes round
        driver.add_log_listener(_of_asyncpg)
    elif hasattr(driver, "notices"):  # psycopg2 appends to what is there
        driver.notices = _Notices(driver.notices)


def _of_psycopg(diagnostic: Any) -> None:
    if diagnostic.source_function == _SOURCE:
        _surface(diagnostic.message_primary)


def _of_asyncpg(_connection: Any, message: Any) -> None:
    if message.server_source_function == _SOURCE:
        _surface(message.message)


class _Notices(list[str]):
    """The list that psycopg2 keeps; it may be any object that has `append` (psycopg.org/docs/connection.html)."""

    def append(self, notice: str) -> None:
        """Keep it, and heed what is said of COMMIT."""
        super().append(notice)
        if _TEXT in notice:
            _surface(notice.splitlines()[0])


def _surface(said: str) -> None:
    message = f"COMMIT is done on this server and perhaps on no standby; a failover could lose it ({said.strip()})"
    logger.warning(message)
    warnings.warn(CommittedLocally(message), stacklevel=2)
