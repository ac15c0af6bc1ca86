"""A savepoint of the unit's own, around what may end the transaction without saying so.

That is a statement that nobody can read, and the time in which the program has the driver's connection.

After ``COMMIT; BEGIN`` in a procedure the driver's status says "open", as before. A savepoint does not come back: if it
is not there any more, the transaction that it was set in has ended. Sent on the driver's own cursor: it is no statement
of the program, and no check counts it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from acidity.engines.codes import TRANSACTION_LOST, code_of, codes_of

_NAME = "acidity_hold"
HANDED_OUT = "acidity_handed_out"
_NO_SUCH_SAVEPOINT = frozenset({"3B001", "25P01", "1305"})


def set_hold(connection: Connection, name: str = _NAME) -> None:
    """Set it."""
    _send(connection, f"SAVEPOINT {name}")


def is_gone(
    connection: Connection, error: BaseException | None, name: str = _NAME, *, by: str = "RELEASE SAVEPOINT"
) -> bool:
    """Release it; whether it was not there any more.

    Args:
        connection: of the unit.
        error: what the statement was answered with; after some, the database has rolled the transaction back itself.
        name: of the savepoint.
        by: ``"ROLLBACK TO SAVEPOINT"`` where everything is about to be undone: PostgreSQL answers it after errors, too.
    """
    if error is not None and TRANSACTION_LOST.intersection(codes_of(error)):
        return False
    try:
        _send(connection, f"{by} {name}")
    except Exception as missing:
        return code_of(missing) in _NO_SUCH_SAVEPOINT or "no such savepoint" in str(missing)
    return False


def _send(connection: Connection, statement: str) -> None:
    pooled: Any = connection._dbapi_connection  # `connection` hands it out to the program
    cursor = pooled.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
