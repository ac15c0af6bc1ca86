"""What the drivers of MariaDB have in common: statements that commit unasked, and lost connections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall
from acidity.adapters.drivers.base import statement as plain_statement
from acidity.core.call import Kind
from acidity.core.control import without_comments

_GONE = {1927, 2006, 2013, 2014, 2045, 2055, 4031}
_IMPLICIT = re.compile(
    r"(create|drop)\s+(?!temporary\b)|(alter|rename|truncate|analyze|optimize|repair|grant|revoke|lock\s+tables)\b",
    re.IGNORECASE,
)
_SETS_AUTOCOMMIT = re.compile(r"set\s+(session\s+|@@(session\.)?)?autocommit\s*=\s*(1|on|true)\b", re.IGNORECASE)

Says = Callable[..., DriverCall | None]


def implicitly_commits(sql: str) -> bool:
    """Whether this commits the open transaction, and itself (mariadb.com/kb, "implicit commit")."""
    return bool(_IMPLICIT.match(without_comments(sql)))


def statement(in_transaction: Callable[[Any], bool]) -> Says:
    """An ``execute`` or ``query``; switching autocommit on commits what is open."""

    def said(self: Any, *arguments: Any, **keywords: Any) -> DriverCall:
        plain = plain_statement(self, *arguments, **keywords)
        if _SETS_AUTOCOMMIT.match(without_comments(plain.sql)) and in_transaction(getattr(self, "connection", self)):
            return plain._replace(kind=Kind.COMMIT)
        return plain

    return said


def autocommitting(in_transaction: Callable[[Any], bool]) -> Says:
    """``connection.autocommit(value)`` is a Call where it commits what is open."""

    def said(self: Any, value: Any, *_: Any, **__: Any) -> DriverCall | None:
        return DriverCall(Kind.COMMIT, "SET autocommit = 1") if value and in_transaction(self) else None

    return said


def rows_held(subject: Any) -> Answer:
    """Rows and row count of a cursor, from where PyMySQL, aiomysql and mysqlclient keep them; a connection has none."""
    rows = getattr(subject, "_rows", None) if getattr(subject, "description", None) else None
    return None if rows is None else list(rows), getattr(subject, "rowcount", None)


def gone(error: BaseException) -> bool:
    """Whether the error's number says that the connection is gone."""
    return bool(error.args) and error.args[0] in _GONE
