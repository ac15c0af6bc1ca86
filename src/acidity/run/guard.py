"""What SQLAlchemy tells of a unit's connection: statements to admit, errors to remember, a COMMIT nobody asked for.

The listeners are put on an engine once and find the unit in the execution options of the connection; a connection that
belongs to no unit costs one look-up. Errors are heard of on the dialect, which is where SQLAlchemy keeps that event.
"""

from __future__ import annotations

import re
import weakref
from functools import lru_cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine

from acidity.core.call import Kind
from acidity.core.control import kind_of, without_comments

UNIT = "acidity_unit"
_CONTROL = frozenset({Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.PREPARE})
_SAVEPOINTS = frozenset({Kind.SAVEPOINT, Kind.ROLLBACK_TO, Kind.RELEASE})
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_dialects: weakref.WeakSet[Dialect] = weakref.WeakSet()
# mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit
_IMPLICIT_COMMIT = re.compile(
    r"(create|alter|drop)\s+(?!temporary\b)|truncate\b|rename\b|grant\b|revoke\b|lock\s+tables\b|unlock\s+tables\b|"
    r"analyze\s+table\b|optimize\b|repair\b|set\s+password\b|load\s+index\b|start\s+(slave|replica)\b",
    re.IGNORECASE,
)


def watch(engine: Engine) -> None:
    """Listen on this engine, from now on and once."""
    if engine not in _engines:
        _engines.add(engine)
        event.listen(engine, "before_cursor_execute", _before_execute)
        event.listen(engine, "commit", _on_commit)
        event.listen(engine, "rollback", _on_rollback)
        event.listen(engine, "prepare_twophase", lambda connection, _xid: _on_commit(connection))
        event.listen(engine, "commit_twophase", lambda connection, _xid, _prepared: _on_commit(connection))
        event.listen(engine, "rollback_twophase", lambda connection, _xid, _prepared: _on_rollback(connection))
    if engine.dialect not in _dialects:  # a redirected engine has another one
        _dialects.add(engine.dialect)
        event.listen(engine, "handle_error", _on_error)


@lru_cache(maxsize=4096)
def is_control(sql: str) -> bool:
    """Whether this text begins or ends a transaction."""
    return kind_of(sql) in _CONTROL


@lru_cache(maxsize=4096)
def savepoint_in(sql: str) -> tuple[Kind, str] | None:
    """What a statement does to which savepoint; None for all others.

    >>> savepoint_in("ROLLBACK TO SAVEPOINT a")
    (<Kind.ROLLBACK_TO: 'rollback-to'>, 'a')
    """
    kind = kind_of(sql)
    return (kind, sql.rstrip("; \n").split()[-1]) if kind in _SAVEPOINTS else None


@lru_cache(maxsize=4096)
def commits_by_itself(sql: str) -> bool:
    """Whether MariaDB and MySQL commit before they carry this out.

    >>> commits_by_itself("CREATE TABLE t (id int)"), commits_by_itself("CREATE TEMPORARY TABLE t (id int)")
    (True, False)
    """
    return bool(_IMPLICIT_COMMIT.match(without_comments(sql)))


def _unit_of(connection: Connection) -> Any:
    return connection.get_execution_options().get(UNIT)


def _before_execute(
    connection: Connection, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: object
) -> None:
    unit = _unit_of(connection)
    if unit is not None:
        unit.admit(statement)


def _on_commit(connection: Connection) -> None:
    unit = _unit_of(connection)
    if unit is not None:
        unit.commit_is_sent()


def _on_rollback(connection: Connection) -> None:
    unit = _unit_of(connection)
    if unit is not None:
        unit.was_rolled_back()


def _on_error(context: Any) -> None:
    unit = _unit_of(context.connection) if context.connection is not None else None
    if unit is not None:
        unit.database_error(context.sqlalchemy_exception or context.original_exception, lost=context.is_disconnect)
