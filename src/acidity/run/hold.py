"""A savepoint of the unit's own around a statement that may end the transaction without saying so.

After ``COMMIT; BEGIN`` in a procedure the driver's status says "open", as before. A savepoint does not come back: if it
is not there any more, the transaction that it was set in has ended. Sent on the driver's own cursor: it is no statement
of the program, and no check counts it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from acidity.engines.codes import TRANSACTION_LOST, code_of, codes_of

_NAME = "acidity_hold"
_NO_SUCH_SAVEPOINT = frozenset({"3B001", "1305"})


def set_hold(connection: Connection) -> None:
    """Set it."""
    _send(connection, f"SAVEPOINT {_NAME}")


def is_gone(connection: Connection, error: BaseException | None) -> bool:
    """Release it; whether it was not there any more.

    Args:
        connection: of the unit.
        error: what the statement was answered with; after some, the database has rolled the transaction back itself.
    """
    if error is not None and TRANSACTION_LOST.intersection(codes_of(error)):
        return False
    try:
        _send(connection, f"RELEASE SAVEPOINT {_NAME}")
    except Exception as missing:
        return code_of(missing) in _NO_SUCH_SAVEPOINT or "no such savepoint" in str(missing)
    return False


def _send(connection: Connection, statement: str) -> None:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
