"""One unit of work: one session, one connection, one COMMIT; `boundary` is what it admits meanwhile.

Everything here is plain SQLAlchemy and runs as it is under asyncio, in a greenlet; `course` says in which order.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.core.rule import holds, says_neither
from acidity.engines.codes import code_of
from acidity.run import covered, guard, server, sqlite
from acidity.run.beside import refuse_autocommit, refuse_hidden_autocommit
from acidity.run.boundary import NOTHING_ASKED, Boundary, logger
from acidity.run.decide import state_after_commit_error
from acidity.run.errors import BoundaryError, InvariantBroken, UnitPoisoned
from acidity.run.failures import NO_FAILURES
from acidity.run.link import link_of
from acidity.run.state import ABORTED, ACTIVE, COMMITTED, FAILED, PARTIALLY_COMMITTED, UNKNOWN, State
from acidity.run.status import Status


def shielded(work: Any) -> Any:
    """A step that is not to be cut off: a cancellation waits until it is done."""
    work.shielded = True
    return work


class Unit(Boundary):
    """A unit of work, from its first statement to the reply to its COMMIT.

    Attributes:
        session: what the user's code works with, an `AsyncSession` on an async target.
        plain: the plain session, also under that.
        root: the session's own outermost transaction.
        result: what the user's code returned.
        one_of_several: it is a branch of a two-phase commit.
    """

    one_of_several: ClassVar[bool] = False

    session: Any = None
    plain: Any = None
    root: Any = Ellipsis  # no session's
    result: Any = None

    _classes = covered.classes_of(Session)
    _pooled: Any = None  # the pool's connection
    _lasting: Sequence[str] = ()

    def begin(self) -> None:
        """Open the session, begin for real, set the level and verify it, write the marker."""
        target, terms = self.target, self.terms
        self._tells = terms.on_transition is not None or logger.isEnabledFor(logging.DEBUG)
        speaks = target.dialect.name
        self.session = session = target.make()
        plain = self.plain = session.sync_session if target.asynchronous else session
        plain._acidity_unit = self
        self._classes = target.classes or covered.cover(plain)
        asks = terms is not NOTHING_ASKED and terms.ask_something
        self._connection = connection = self._connect(self._options(speaks) if asks else None)
        if speaks == "sqlite":
            if self._link.told.transaction() is Status.CLOSED:  # no hook of the engine has begun it
                sqlite.begin_on(connection, self._sqlite_kind)
            self._was_open = True
        if asks:
            self._set_terms(connection)
        if self.marker is not None:
            self.marker.insert(connection)
        self.root = plain._transaction
        self.own = False
        if self._deadline is None and self.state is ACTIVE:
            self.passing = target.ordinary

    @property
    def _sqlite_kind(self) -> str:
        return "DEFERRED" if self.terms.read_only else "IMMEDIATE"  # a writer waits for its turn before it reads

    def _options(self, speaks: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if speaks == "sqlite":
            options[sqlite.BEGIN_KIND] = self._sqlite_kind
        elif self.terms.isolation_level:
            options["isolation_level"] = self.terms.isolation_level
        return options

    def _set_terms(self, connection: Connection) -> None:
        terms = self.terms
        if terms.isolation_level:
            server.reset_safely(connection)
            server.verify_level(connection, terms.isolation_level)
        self._lasting = server.lasting_settings(connection, read_only=terms.read_only, timeout=terms.timeout)
        if terms.read_only:
            server.make_read_only(connection)
        if terms.timeout is not None:
            server.limit_time(connection, terms.timeout)

    def connect(self) -> Connection:
        """What the session asks of its engine."""
        connection = guard.UnitConnection(self.target.engine)
        self._pooled = connection._dbapi_connection
        connection._acidity_unit = self
        self._link = link_of(connection)
        if connection.dialect.name != "sqlite":
            refuse_hidden_autocommit(connection)
        return connection

    def _connect(self, options: dict[str, Any] | None) -> Connection:
        engine: Any = self
        connection: Connection = self._classes.own._connection_for_bind(self.plain, engine, options)
        self._refuse_autocommit(connection)
        if self._link.told.autocommits():  # turned on by an event of BEGIN
            refuse_hidden_autocommit(connection)
        return connection

    def _refuse_autocommit(self, connection: Connection) -> None:
        if connection._is_autocommit_isolation():
            refuse_autocommit()

    def prepare_at_once(self) -> bool:
        """Prepare where nothing is left to send or to refuse; whether it is done. A step less, which pays in a task."""
        try:
            if (
                self._tells
                or self.terms is not NOTHING_ASKED
                or self.marker is not None
                or self.state is not ACTIVE  # which it is not any more when it is poisoned
                or self.failures is not NO_FAILURES
                or self.owed
                or self._handed_out
                or not self.plain._is_clean()
                or self._link.told.transaction() is Status.ABORTED
                or self._is_over()
                or self.is_inherited
            ):
                return False
        except Exception:  # a driver that is closed says nothing; `prepare` is told so, too
            return False
        self.own = True
        self.state = PARTIALLY_COMMITTED
        self.passing = ()
        return True

    def prepare(self) -> None:
        """Send what is left, check the rules, store the result: after this only COMMIT is missing."""
        if self.is_inherited:  # not asked of the task: a shielded step has one of its own
            self.refuse_stranger()
        if self._poison is not None or self.failures.standing:
            self.refuse_poison()
        if self.owed:
            raise UnitPoisoned(f"{self.owed[0]} was called and not awaited; COMMIT would leave it out")
        if not self.plain._is_clean():
            self.plain.flush()
        if self.terms.invariants:
            self._check_invariants()
        if self._poison is not None or self.failures.standing:
            self.refuse_poison()
        self.own = True
        if self.marker is not None:
            self.marker.store(self.connection, self.result)
        if self._lasting:
            self._take_back()
        if self._deadline is not None:
            self._check_deadline()
        if self._link.told.transaction() is Status.ABORTED:
            raise UnitPoisoned("the server has aborted this transaction; COMMIT would change nothing and say success")
        if self._is_over() or self._is_gone_by_hand():
            self._tear()
        if not self.one_of_several:  # which has PREPARE before it
            self.to(PARTIALLY_COMMITTED)

    def _check_invariants(self) -> None:
        for rule in self.terms.invariants:
            name = getattr(rule, "__name__", repr(rule))
            try:
                answer = rule(self.plain)
            except InvariantBroken:
                raise
            except AssertionError as error:
                raise InvariantBroken(f"{name}: {error}; everything was rolled back", name) from error
            if (held := holds(answer)) is None:
                raise BoundaryError(f"{says_neither(name, answer)}; everything was rolled back")
            if not held:
                raise InvariantBroken(f"{name} does not hold just before COMMIT; everything was rolled back", name)
        self.plain.flush()

    def _take_back(self) -> None:
        for statement in self._lasting:
            self.connection.exec_driver_sql(statement)
        self._lasting = ()

    @shielded
    def commit(self) -> None:
        """Send COMMIT; only its reply makes the unit COMMITTED."""
        self._committing = True
        try:
            self._classes.own.commit(self.plain)
        except BaseException as error:
            self.to(FAILED if not self._commit_sent else self._after_commit_error(error))
            raise
        self.to(COMMITTED)
        self._close()

    def _after_commit_error(self, error: BaseException) -> State:
        connection = self.connection
        lost = connection.invalidated or getattr(error, "connection_invalidated", False)
        still_open: bool | None = None
        with suppress(Exception):
            still_open = None if connection.closed or lost else server.still_open(connection)
        return state_after_commit_error(
            connection.dialect.name,
            error,
            code_of(error),
            answered=isinstance(error, DBAPIError) and not lost,
            acknowledged=not lost and (connection.closed or connection.get_transaction() is None),
            still_open=still_open,
        )

    @shielded
    def roll_back(self) -> None:
        """Send ROLLBACK and make sure that nothing stays open; a connection that does not obey is thrown away."""
        if self.is_inherited:
            self._forsake()
            return
        if self._connection is not None and not self.failures.final and not self._lost(None):
            self._see_whether_torn()
        self._ending = True
        if self.state in (ACTIVE, PARTIALLY_COMMITTED):
            self.to(FAILED)
        if not self._rolled_back() or self._lasting or self.torn is not None:
            self.invalidate()
        else:
            with suppress(Exception):
                self._classes.own.rollback(self.plain)  # the session's own book-keeping
        if self.state is FAILED:
            self.to(ABORTED if self.torn is None else UNKNOWN)
        self._close()

    def _see_whether_torn(self) -> None:
        """A raw cursor of the driver may have ended the transaction, and what was done before it stays.

        A COMMIT that was sent has ended it, whatever it was answered; that is told by its answer.
        """
        if self._commit_sent:
            return
        with suppress(Exception):
            if self.torn is None and (self._is_over() or self._is_gone_by_hand(by="ROLLBACK TO SAVEPOINT")):
                self._tear()

    def _rolled_back(self) -> bool:
        connection = self._connection
        if connection is None or connection.closed:
            return self._connection is not None
        if connection.invalidated:
            return False
        try:
            transaction = connection.get_transaction()
            if transaction is not None and transaction.is_active:
                transaction.rollback()
                connection._transaction = transaction  # inactive; its session is to end it, and warns if it cannot
            elif transaction is not None or server.still_open(connection):  # none is sent after a failed COMMIT
                connection.dialect.do_rollback(connection.connection)
            return not server.still_open(connection)
        except Exception as error:
            logger.debug("ROLLBACK was not answered: %s", error)
            return False

    @shielded
    def invalidate(self) -> None:
        """Throw the connection away: the server rolls back what is open on it."""
        self._ending = True
        if self.is_inherited:
            self._forsake()
            return
        if self.session is not None:
            with suppress(Exception):
                self._classes.own.invalidate(self.plain)
            if self._connection is not None and not self._connection.closed:
                with suppress(Exception):
                    self._connection.invalidate()
                with suppress(Exception):
                    self._connection.close()
        self._give_back()

    def _give_back(self) -> None:
        """Ctrl-C in the midst of SQLAlchemy's own opening or closing leaves to the garbage collector what is open."""
        for give_back in ("close", "invalidate"):  # to the pool; what is half closed already is thrown away
            if self._pooled is not None and self._pooled.is_valid:
                with suppress(Exception):
                    getattr(self._pooled, give_back)()

    def _forsake(self) -> None:
        """In a forked process: send nothing, close nothing, and let nothing be collected, which would end it."""
        self._ending = True
        self.state = ABORTED  # for this process; nobody is told, as nothing has happened
        pooled: Any = None if self._connection is None else self._connection._dbapi_connection
        if pooled is not None:
            for each in (pooled, pooled.dbapi_connection, pooled.driver_connection):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
        self.plain.__class__ = self._classes.after

    def _close(self) -> None:
        self._ending = True
        session, classes = self.plain, self._classes
        if session is None:
            return
        try:
            classes.own.close(session)
        except Exception as error:
            logger.debug("the session could not be closed: %s", error)
        finally:
            session._acidity_unit = None
            session.__class__ = classes.after
            if self._connection is not None:  # what is over does not keep the session's objects
                self._connection._acidity_unit = None
            self._give_back()
