"""A branch: a unit of work that ends in two steps, PREPARE and then COMMIT or ROLLBACK of what is prepared."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import codes_of
from acidity.errors import UsageError
from acidity.run.boundary import Terms, logger
from acidity.run.errors import BoundaryError
from acidity.run.server import is_mysql
from acidity.run.state import State
from acidity.run.taken import TakenConnection
from acidity.run.target import Target
from acidity.run.twophase.gid import Gid
from acidity.run.unit import Unit, shielded

_TOO_MANY = "53200"
_MAYBE_DISABLED = frozenset({"55000", _TOO_MANY})


class Branch(Unit):
    """The work in one database of a two-phase commit, other than the one that decides.

    Attributes:
        gid: its name.
        prepare_sent: it may be prepared.
        told: the database has been told what was decided, and nothing is left prepared.
        thrown_away: its connection is gone.
    """

    one_of_several: ClassVar[bool] = True

    prepare_sent: bool = False
    told: bool = False
    thrown_away: bool = False

    def __init__(self, target: Target, terms: Terms, gid: Gid) -> None:
        super().__init__(target, terms)
        self.gid = gid

    def _connect(self, options: dict[str, Any] | None) -> Connection:
        """The session works on a connection whose transaction has the branch's name (XA START comes first)."""
        self._connection = connection = self.connect()
        connection.execution_options(**options or {})
        self._refuse_autocommit(connection)
        refuse_forgetful(connection)
        connection.begin_twophase(str(self.gid))
        session = self.plain
        session.bind, session.join_transaction_mode = connection, "control_fully"
        if session.connection() is not self._connection:
            raise BoundaryError("this session chooses its database itself (get_bind), past its bind")
        return connection

    @shielded  # one that is cut off could arrive after its ROLLBACK
    def prepare(self) -> None:
        """Flush, check, and let the database promise that it can commit.

        Raises:
            UsageError: PostgreSQL takes no prepared transactions.
        """
        super().prepare()
        transaction = self.plain._transaction
        assert transaction is not None, "the work is not committed yet"
        transaction._prepare_impl()  # before_commit and a last flush; a ROLLBACK of Session.prepare() would hide errors
        if self.connection.dialect.driver == "asyncpg":  # PREPARE of an aborted transaction is no error there
            self.connection.exec_driver_sql("SELECT 1")
        self.prepare_sent = self._ending = True
        try:
            self.connection.get_transaction().prepare()  # type: ignore[union-attr]
        except DBAPIError as error:
            if _MAYBE_DISABLED.intersection(codes_of(error)) and self.connection.dialect.name == "postgresql":
                raise_if_disabled(self.target.engine, error)
            raise
        self.to(State.PARTIALLY_COMMITTED)

    @shielded
    def commit(self) -> None:
        """Commit what is prepared; after an error, another connection has to."""
        self._ending = True
        try:
            self._classes.own.commit(self.plain)
        except BaseException:
            self.invalidate()
            raise
        self.told = True
        self.to(State.COMMITTED)
        self._close()

    @shielded
    def roll_back(self) -> None:
        """Undo it; after an error while it may be prepared, another connection has to."""
        super().roll_back()
        self.told = not self.thrown_away

    @shielded
    def invalidate(self) -> None:
        """Leave the connection; what is prepared stays so."""
        self.thrown_away = True
        super().invalidate()

    @property
    def in_doubt(self) -> bool:
        """It may be prepared, and has not been told what was decided."""
        return self.prepare_sent and not self.told

    def end(self, *, commit: bool) -> None:
        """Nobody on this connection will tell it any more: another one has, or recovery will."""
        if commit and not self.state.ended:
            self.to(State.COMMITTED if self.told else State.UNKNOWN)

    def _give_back(self) -> None:
        if self._connection is not None:  # the session is bound to it, and leaves it open
            with suppress(Exception):
                self._connection.close()
        super()._give_back()

    def _close(self) -> None:
        super()._close()
        logger.debug("branch %s: %s", self.gid, self.state.value)


def refuse_forgetful(connection: Connection) -> None:
    """Refuse a server that rolls back what is prepared when the connection is lost.

    Raises:
        UsageError: it is a MariaDB before 10.5, or a MySQL before 5.7.7.
    """
    dialect: Any = connection.dialect
    if not is_mysql(connection):
        return
    least = (10, 5) if dialect.is_mariadb else (5, 7, 7)
    version = tuple(part for part in dialect.server_version_info if isinstance(part, int))
    if version < least:
        raise UsageError(
            f"this server is {'.'.join(map(str, version))}, and before {'.'.join(map(str, least))} a lost connection "
            f"undoes what was prepared; it can only be the first database of two_phase()"
        )


def raise_if_disabled(engine: Engine, error: DBAPIError) -> None:
    """Tell apart why PostgreSQL refuses to prepare.

    Raises:
        UsageError: because of its setting.
    """
    with TakenConnection(engine) as connection:
        most = int(connection.exec_driver_sql("SHOW max_prepared_transactions").scalar_one())
        connection.rollback()
    if most == 0 or _TOO_MANY in codes_of(error):
        raise UsageError(
            f"max_prepared_transactions is {most} on this server, and two_phase() needs one for each unit that is "
            f"under way: set it in postgresql.conf (as high as max_connections) and restart"
        ) from error
