"""Prepared branches in a database, seen from a connection that has not prepared them: list them, finish one.

A branch belongs to no connection any more: on PostgreSQL from PREPARE TRANSACTION on, on MariaDB (10.5 and later) from
the end of the connection that sent XA PREPARE; as long as that lasts, XA RECOVER lists the branch and XA COMMIT says
that it does not know it (XAER_NOTA).
"""

from __future__ import annotations

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import code_of
from acidity.run.guard import aside
from acidity.run.taken import TakenConnection
from acidity.run.twophase.gid import Gid

SPEAKS = frozenset({"postgresql", "mysql", "mariadb"})
_GONE_OR_HELD = frozenset({"42704", "55000", "1397"})  # unknown; busy in another session; XAER_NOTA
_NOTHING_IN_IT = "1402"  # XA_RBROLLBACK: a branch that wrote nothing ends with its connection (MariaDB)


def prepared_in(connection: Connection) -> list[Gid]:
    """The branches of `two_phase` that are prepared in this database; on MariaDB, on this server."""
    if connection.dialect.name == "postgresql":
        names = connection.exec_driver_sql(
            "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
        ).scalars()
        found = [str(name) for name in names]
    else:
        found = []
        for form, first, second, data in connection.exec_driver_sql("XA RECOVER"):
            if (form, second) == (1, 0):
                raw = data if isinstance(data, bytes) else str(data).encode()
                found.append(raw[:first].decode(errors="replace"))
    return [gid for gid in map(Gid.parse, sorted(found)) if gid is not None]


def finish(engine: Engine, gid: Gid, *, commit: bool) -> bool:
    """Commit or roll back a prepared branch; harmless if that was done already.

    Args:
        engine: the database with the branch.
        gid: its name.
        commit: what was decided.

    Returns:
        False while another connection holds it.

    Raises:
        DBAPIError: the database did not answer, or refuses.
    """
    word = "COMMIT" if commit else "ROLLBACK"
    with aside(TakenConnection(engine)) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        form = f"{word} PREPARED" if connection.dialect.name == "postgresql" else f"XA {word}"
        try:
            connection.exec_driver_sql(f"{form} '{gid}'")
        except DBAPIError as error:
            code = code_of(error)
            if code == _NOTHING_IN_IT:
                return True
            if code not in _GONE_OR_HELD:
                raise
            return gid not in prepared_in(connection)
    return True
