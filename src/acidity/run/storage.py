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

from acidity.engines.mariadb.speech import SPEECH
from acidity.engines.mariadb.storage import without_transactions

_TARGET = re.compile(
    r"(?:insert|replace|update|delete)\s+(?:low_priority\s+|delayed\s+|high_priority\s+|quick\s+|ignore\s+)*"
    r"(?:into\s+|from\s+)?((?:`[^`]+`|[\w$]+)(?:\s*\.\s*(?:`[^`]+`|[\w$]+))?)",
    re.IGNORECASE,
)
_transactional: weakref.WeakKeyDictionary[Any, set[tuple[str | None, str]]] = weakref.WeakKeyDictionary()


@lru_cache(maxsize=4096)
def written_table(sql: str) -> tuple[str | None, str] | None:
    """The schema and the table that a statement writes to; None for other statements.

    >>> written_table("INSERT INTO `shop`.`orders` VALUES (1)"), written_table("SELECT 1")
    (('shop', 'orders'), None)
    """
    found = _TARGET.match(SPEECH.bare(sql)) if SPEECH.meaning(sql).writes else None
    if found is None:
        return None
    parts = [part.strip().strip("`") for part in found[1].split(".")]
    return (parts[0] if len(parts) > 1 else None, parts[-1])


def untransactional(key: Any, connection: Connection, statement: str) -> str:
    """Why a write is to be refused, because ROLLBACK would leave it behind; empty for all others.

    Args:
        key: of the database.
        connection: of the unit.
        statement: about to be sent.
    """
    table = written_table(statement)
    known = _transactional.setdefault(key, set())
    if table is None or table in known:
        return ""
    engine = without_transactions(connection.connection, *table)
    if engine is None:
        known.add(table)
        return ""
    return (
        f"the table {table[1]!r} is of the storage engine {engine}, which has no transactions: what is written to it "
        f"stays after ROLLBACK. ALTER TABLE … ENGINE=InnoDB, or write to it outside of the unit"
    )
