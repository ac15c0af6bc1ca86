"""One unit of work: one session, one connection, one COMMIT; and what it admits while it lasts.

Everything here is plain SQLAlchemy and runs as it is under asyncio, in a greenlet; `course` says in which order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.engines.codes import code_of
from acidity.run import covered, guard, notices, server, sqlite, storage
from acidity.run.context import caller
from acidity.run.decide import state_after_commit_error
from acidity.run.errors import (
    BoundaryError,
    DeadlineExceeded,
    InvariantBroken,
    SharedUnit,
    TransactionFailed,
    UnitPoisoned,
)
from acidity.run.failures import Failures
from acidity.run.marker import Marker
from acidity.run.state import State, may_follow
from acidity.run.target import Target

logger = logging.getLogger("acidity.run")
monotonic = time.monotonic
Transition = Callable[["Unit", State, State], Any]
_INSTEAD = "atomic() sends the one COMMIT when the block ends; to undo everything, raise"


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked of a unit; see `atomic` for the meaning of each."""

    isolation_level: str | None = None
    read_only: bool = False
    timeout: float | None = None
    invariants: Sequence[Callable[[Any], Any]] = ()
    on_transition: Transition | None = None

    @property
    def ask_something(self) -> bool:
        """Whether the database has to be told before the first statement."""
        return self.isolation_level is not None or self.read_only or self.timeout is not None


@dataclass(eq=False)
class Unit:
    """A unit of work, from its first statement to the reply to its COMMIT.

    Attributes:
        target: the database.
        terms: what was asked for.
        marker: the row by which it is recognised, if it has one.
        state: where it stands.
        session: what the user's code works with, an `AsyncSession` on an async target.
        owner: the thread and task that began it.
        failures: what the database answered with an error.
        after: functions to call once COMMIT is confirmed.
        owed: calls of async code that have to be awaited before COMMIT.
        one_of_several: it is a branch of a two-phase commit.
    """

    one_of_several: ClassVar[bool] = False

    target: Target
    terms: Terms = field(default_factory=Terms)
    marker: Marker | None = None
    state: State = State.ACTIVE
    session: Any = None
    owner: tuple[int, Any] = field(default_factory=caller)
    failures: Failures = field(default_factory=Failures)
    after: list[Callable[[], Any]] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plain: Any = None  # the plain session, also under an `AsyncSession`
        self._made_as: type[Session] = Session
        self._own = True  # statements are the unit's, not the user's
        self._committing = self._commit_sent = self._ending = False
        self._speaks = ""  # the name of the dialect
        self._sqlite: Any = None  # the driver's connection, of SQLite only
        self._poison: BaseException | None = None
        self._connection: Connection | None = None
        self._lasting: list[str] = []
        timeout = self.terms.timeout
        self._deadline = None if timeout is None else monotonic() + timeout

    # The way it goes

    @property
    def connection(self) -> Connection:
        """The one connection."""
        assert self._connection is not None, "begin() comes first"
        return self._connection

    def begin(self) -> None:
        """Open the session, begin for real, set the level and verify it, write the marker."""
        terms, dialect = self.terms, self.target.engine.dialect
        speaks = self._speaks = dialect.name
        sqlite_kind = "DEFERRED" if terms.read_only else "IMMEDIATE"  # a writer waits for its turn before it reads
        guard.watch()
        if speaks == "sqlite":
            sqlite.refuse_skipped_rollback(self.target.engine)
        self.session = self.target.make()
        session = self.plain = self.session.sync_session if self.target.asynchronous else self.session
        self._made_as = type(session)
        options: dict[str, Any] = {}
        if speaks != "sqlite":
            if terms.isolation_level:
                options["isolation_level"] = terms.isolation_level
        elif terms.read_only:
            options[sqlite.BEGIN_KIND] = sqlite_kind
        self._connection = connection = self._connect(options)
        if speaks == "sqlite":
            self._sqlite = sqlite.begin_on(connection, sqlite_kind)
        if terms.ask_something:
            self._set_terms(connection)
        if self.marker is not None:
            self.marker.insert(connection)
        covered.cover(session, self)
        self._own = False

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

    def _connect(self, options: dict[str, Any]) -> Connection:
        connection: Connection = self.plain.connection(execution_options=options or None)
        guard.cover(connection, self)
        self.refuse_autocommit(connection)
        return connection

    @staticmethod
    def refuse_autocommit(connection: Connection) -> None:
        """Refuse a connection on which every statement is a transaction.

        Raises:
            BoundaryError: it is one.
        """
        if connection._is_autocommit_isolation():
            raise BoundaryError("the engine is in AUTOCOMMIT: nothing could be rolled back; give isolation_level=")

    def prepare(self, result: Any = None) -> None:
        """Send what is left, check the rules, store the result: after this only COMMIT is missing."""
        self._finish_work(result)
        self.to(State.PARTIALLY_COMMITTED)

    def _finish_work(self, result: Any) -> None:
        self.refuse_poison()
        if self.owed:
            raise UnitPoisoned(f"{self.owed[0]} was called and not awaited; COMMIT would leave it out")
        self.plain.flush()
        for rule in self.terms.invariants:
            name = getattr(rule, "__name__", repr(rule))
            try:
                holds = rule(self.plain)
            except InvariantBroken:
                raise
            except AssertionError as error:
                raise InvariantBroken(f"{name}: {error}; everything was rolled back", name) from error
            if holds is False:
                raise InvariantBroken(f"{name} does not hold just before COMMIT; everything was rolled back", name)
        if self.terms.invariants:
            self.plain.flush()
        if self._poison is not None or self.failures.first is not None:
            self.refuse_poison()
        self._own = True
        connection = self.connection
        if self.marker is not None:
            self.marker.store(connection, result)
        for statement in self._lasting:
            connection.exec_driver_sql(statement)
        self._lasting = []
        if self._deadline is not None:
            self._check_deadline()
        if self._sqlite is not None and not self._sqlite.in_transaction:
            self.to(State.PARTIALLY_COMMITTED)
            self.to(State.UNKNOWN)
            raise BoundaryError(
                "the transaction was ended behind SQLAlchemy, as executescript() on the driver's connection does; what "
                "came before is committed"
            )
        if self._speaks == "postgresql" and server.is_aborted(connection):
            raise UnitPoisoned("the server has aborted this transaction; COMMIT would change nothing and say success")

    def commit(self) -> None:
        """Send COMMIT; only its reply makes the unit COMMITTED."""
        self._committing = True
        stop_listening = notices.listen(self.connection) if self._speaks == "postgresql" else None
        try:
            self._made_as.commit(self.plain)
        except BaseException as error:
            if stop_listening is not None:
                stop_listening()
            state = State.FAILED if not self._commit_sent else self._after_commit_error(error)
            self.to(state)
            raise
        self.to(State.COMMITTED)
        if stop_listening is not None:
            stop_listening()
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

    def roll_back(self) -> None:
        """Send ROLLBACK and make sure that nothing stays open; a connection that does not obey is thrown away."""
        self._ending = True
        if self.state in (State.ACTIVE, State.PARTIALLY_COMMITTED):
            self.to(State.FAILED)
        if not self._rolled_back() or self._lasting:
            self.invalidate()
        else:
            with suppress(Exception):
                self._made_as.rollback(self.plain)  # the session's own book-keeping
        if self.state is State.FAILED:
            self.to(State.ABORTED)
        self._close()

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

    def invalidate(self) -> None:
        """Throw the connection away: the server rolls back what is open on it."""
        self._ending = True
        if self.session is not None:
            with suppress(Exception):
                self._made_as.invalidate(self.plain)
            if self._connection is not None and not self._connection.closed:
                with suppress(Exception):
                    self._connection.invalidate()
                with suppress(Exception):
                    self._connection.close()

    def _close(self) -> None:
        self._ending = True
        session = self.plain
        if session is None:
            return
        covered.end(session, self._made_as)
        try:
            session.close()
        except Exception as error:
            logger.debug("the session could not be closed: %s", error)
        if self._connection is not None:
            guard.uncover(self._connection)

    def to(self, new: State) -> None:
        """Enter a state, and tell those who asked to be told."""
        old = self.state
        if old is new:
            return
        assert may_follow(old, new), (old, new)
        self.state = new
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("unit %x: %s -> %s", id(self), old.value, new.value)
        if self.terms.on_transition is not None:
            try:
                self.terms.on_transition(self, old, new)
            except Exception:
                logger.exception("on_transition= raised; the unit goes on")

    # What it admits

    def poison(self, error: BaseException) -> None:
        """Something inside has failed: whatever becomes of that error, COMMIT will be refused."""
        self._poison = self._poison or error
        if self.state is State.ACTIVE:
            self.to(State.FAILED)

    def database_error(self, error: BaseException, *, lost: bool) -> None:
        """The database answered a statement with an error."""
        if self._committing or self._ending or isinstance(error, BoundaryError | TransactionFailed):  # our own refusals
            return
        self.failures.add(error, final=lost)
        if self.failures.final and self.state is State.ACTIVE:
            self.to(State.FAILED)

    @property
    def spoilt(self) -> BaseException | None:
        """The first error inside that nothing has taken back; with one, COMMIT is refused."""
        return self._poison or self.failures.first

    def refuse_poison(self) -> None:
        """Refuse COMMIT, and name the first error.

        Raises:
            UnitPoisoned: something inside had failed.
        """
        first = self.spoilt
        if first is not None:
            original = getattr(first, "orig", None) or first
            raise UnitPoisoned(
                f"COMMIT was refused: an error inside the unit was swallowed ({type(original).__name__}: {original}). "
                f"Let it leave the unit, or put what may fail into `with savepoint():`"
            ) from first

    def admit(self, statement: str) -> None:
        """Let a statement pass to the database, or refuse it before it is sent."""
        if self._own:
            return
        if self.owner != caller():
            raise SharedUnit("this session belongs to a unit of work of another thread or task; give each its own unit")
        if self.state is State.FAILED:
            first = self._poison or self.failures.first
            raise UnitPoisoned(f"this unit has failed ({first}); nothing more is sent to the database") from first
        if self._deadline is not None:
            self._check_deadline()
        if self._speaks in ("mysql", "mariadb"):
            why = storage.untransactional(self.target.key, self.connection, statement)
            if why:
                self.refuse(why)
        if guard.is_ordinary(statement):
            return
        if guard.is_control(statement):
            self.refuse_by_hand(statement.split(maxsplit=1)[0].upper())
        savepoint = guard.savepoint_in(statement)
        if savepoint is not None:
            self.failures.heed(*savepoint)
        if server.is_mysql(self.connection) and guard.commits_by_itself(statement):
            raise BoundaryError(
                f"{' '.join(statement.split())[:60]!r} commits by itself on MariaDB, and what was done before it with "
                f"it; do it outside of the unit"
            )

    def commit_is_sent(self) -> None:
        """COMMIT goes to the driver now."""
        if not self._committing and not self._own:
            self.refuse_by_hand("connection.commit()")
        self._commit_sent = True

    def was_rolled_back(self) -> None:
        """ROLLBACK goes to the driver now; a unit that did not ask for it has lost its work."""
        if not self._ending and not self._committing and self.failures.first is None:
            self.poison(BoundaryError(f"rolled back by hand inside the unit; {_INSTEAD}"))

    def refuse_by_hand(self, what: str) -> NoReturn:
        """Refuse what would end the unit, and let it fail.

        Raises:
            BoundaryError: always.
        """
        self.refuse(f"{what} inside a unit of work: {_INSTEAD}")

    def refuse(self, what: str) -> NoReturn:
        """Refuse what crosses the boundary, and let the unit fail.

        Raises:
            BoundaryError: always.
        """
        error = BoundaryError(what)
        self.poison(error)
        raise error

    def _check_deadline(self) -> None:
        if self._deadline is not None and monotonic() > self._deadline:
            raise DeadlineExceeded(f"the unit took longer than timeout={self.terms.timeout}; nothing was committed")
