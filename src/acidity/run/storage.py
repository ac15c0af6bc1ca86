"""Tables of MariaDB that have no transactions: what is written to them stays after ROLLBACK, without a word.

MyISAM, MEMORY, CSV and others; ``information_schema.engines`` says which (mariadb.com/kb/en/rollback: "only
transactional storage engines"). Each table is asked for once in a process.
"""

from __future__ import annotations

import re
import weakref
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Connection

from acidity.core.control import is_write, without_comments
from acidity.run.errors import BoundaryError

_TARGET = re.compile(
    r"(?:insert|replace|update|delete)\s+(?:low_priority\s+|delayed\s+|high_priority\s+|quick\s+|ignore\s+)*"
    r"(?:into\s+|from\s+)?((?:`[^`]+`|[\w$]+)(?:\s*\.\s*(?:`[^`]+`|[\w$]+))?)",
    re.IGNORECASE,
)
_ASK = (
    "SELECT t.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = COALESCE(%s, DATABASE()) AND t.table_name = %s AND e.transactions = 'NO'"
)
_transactional: weakref.WeakKeyDictionary[Any, set[tuple[str | None, str]]] = weakref.WeakKeyDictionary()


@lru_cache(maxsize=4096)
def written_table(sql: str) -> tuple[str | None, str] | None:
    """The schema and the table that a statement writes to; None for other statements.

    >>> written_table("INSERT INTO `shop`.`orders` VALUES (1)"), written_table("SELECT 1")
    (('shop', 'orders'), None)
    """
    found = _TARGET.match(without_comments(sql).lstrip()) if is_write(sql) else None
    if found is None:
        return None
    parts = [part.strip().strip("`") for part in found[1].split(".")]
    return (parts[0] if len(parts) > 1 else None, parts[-1])


def refuse_untransactional(key: Any, connection: Connection, statement: str) -> None:
    """Refuse a write that ROLLBACK would leave behind.

    Args:
        key: of the database.
        connection: of the unit.
        statement: about to be sent.

    Raises:
        BoundaryError: the table's storage engine has no transactions.
    """
    table = written_table(statement)
    known = _transactional.setdefault(key, set())
    if table is None or table in known:
        return
    engine = connection.exec_driver_sql(_ASK, table).scalar()
    if engine is not None:
        raise BoundaryError(
            f"the table {table[1]!r} is of the storage engine {engine}, which has no transactions: what is written "
            f"to it stays after ROLLBACK. ALTER TABLE … ENGINE=InnoDB, or write to it outside of the unit"
        )
    known.add(table)
